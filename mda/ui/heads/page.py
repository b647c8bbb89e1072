"""The page of heads: the grid at one step beside the history of all steps, and the table of births."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mda.heads.scores import HEAD_SCORES
from mda.jobs.files import ACTIVE
from mda.studies.study import Study
from mda.ui.charts.heads import clicked_head, clicked_step, grid_figure, history_figure
from mda.ui.frame.cached import born_heads, head_table, model_table
from mda.ui.frame.choices import choose
from mda.ui.frame.jobs_panel import job_area, newest_job
from mda.ui.frame.links import ATTENTION, INFLUENCE, page_link
from mda.ui.frame.notes import stale_note
from mda.ui.frame.selection import View, put
from mda.ui.frame.share import chart, offer_table
from mda.ui.heads.form import missing_scores
from mda.ui.heads.formulas import FORMULAS, SYMBOLS
from mda.ui.heads.tables import birth_table, chosen_head, nearest_scored, scores_of
from mda.ui.words.plain import SCORE_MEANINGS, name_of, plain
from mda.ui.words.story import born_by_score
from mda.workflows.head_scores import scored_study, scores_caveats

_GRID_PIXELS = 400  # the squares' size is in pixels, so the grid's is too
_MOST_BIRTHS = 10  # lines of the table before it scrolls
_GRID, _HISTORY, _BIRTHS = "heads-grid", "heads-history", "births"


def heads_page(view: View) -> None:
    """Choose score, step and head; see all heads at the step and over all steps, and when each was born."""
    study = view.study
    st.header("Heads", anchor=False, help="Which attention heads behave like induction heads, and since when?")
    heads, models = head_table(study.name), model_table(study.name)
    job = newest_job(study.name, "heads")
    if job is None or job.state not in ACTIVE:
        missing_scores(view, models)
    job_area(job)
    if heads.empty:
        return
    stale_note(scored_study(study.name), study, "The table of head scores")
    for caveat in scores_caveats(models):
        st.warning(plain(caveat))
    score = _choose_score(view)
    side_by_side = st.container(horizontal=True, gap="medium")  # one below the other where that is too narrow
    with side_by_side.container(width=_GRID_PIXELS):
        _at_step(view, heads, score)
        _births(study)
    with side_by_side.container(width="stretch"):
        _history(view, heads, models, score)
    offer_table("head-scores", heads)
    offer_table("model-scores", models)


def _choose_score(view: View) -> str:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        with st.container(width=_GRID_PIXELS // 2 + 20):
            score = choose("Head score", HEAD_SCORES, view.score, "score", "head score", format_func=name_of)
        meaning = SCORE_MEANINGS.get(score, "")
        st.markdown(f"{meaning[:1].upper()}{meaning[1:]}.", width="content")
        formula = FORMULAS.get(score)
        if formula is not None:
            with st.popover("Formula", type="tertiary", icon=":material/function:"):
                st.latex(formula.latex)
                st.markdown(formula.reading)
                st.caption(SYMBOLS)
    return score


def _at_step(view: View, heads: pd.DataFrame, score: str) -> None:
    """The grid of all heads at the view's step, or the nearest that has scores, and the selected head's scores."""
    step = nearest_scored(heads["step"], view.step)
    if step != view.step:
        st.info(f"Step {view.step:,} has no head scores; shown is step {step:,}, the nearest that has.")
    at_step = heads[heads["step"] == step]

    def clicked() -> None:
        put(head=clicked_head(st.session_state.get(_GRID), view.study.sizes))

    chart(
        grid_figure(at_step, score, view.head),
        _GRID,
        f"The {name_of(score)} of every head at step {step:,}, layer by head.",
        on_select=clicked,
        selection_mode="points",
    )
    st.caption(f"Step {step:,}. Click a square to choose another head. All scores of **{view.head}**:")
    st.dataframe(
        scores_of(at_step, view.head),
        hide_index=True,
        column_config={"value": st.column_config.NumberColumn(format="%.3f")},
    )
    with st.container(horizontal=True):
        page_link(ATTENTION, "See its attention", ":material/visibility:")
        page_link(INFLUENCE, "Rows that built it", ":material/swap_vert:")


def _history(view: View, heads: pd.DataFrame, models: pd.DataFrame, score: str) -> None:
    """All checkpoints; a click goes to the step of the clicked point."""

    def clicked() -> None:
        step = clicked_step(st.session_state.get(_HISTORY), view.study.steps)
        # a second click on a point takes its selection back, and still asks for that step
        step = st.session_state.get(f"{_HISTORY}-last") if step is None else step
        if step in view.study.steps:
            st.session_state[f"{_HISTORY}-last"] = step
            put(step=step)

    born = born_by_score(born_heads(view.study.name)).get(score, [])
    chart(
        history_figure(heads, models, score, view.head, view.step, born),
        _HISTORY,
        f"The {name_of(score)} of every head and the model's losses over training steps.",
        on_select=clicked,
        selection_mode="points",
    )
    st.caption("Click a point to go to its step.")


def _births(study: Study) -> None:
    table = birth_table(born_heads(study.name))
    offer_table(_BIRTHS, table)
    st.subheader(
        "Births",
        anchor=False,
        help="A head is born into a score when its mean over the last three checkpoints is 0.1 or more, at the "
        "interpolated step where the running mean of three checkpoints first reaches half of that.",
    )
    if table.empty:
        st.caption("No head was born: none ends with a score of 0.1 or more.")
        return

    def chosen() -> None:
        put(head=chosen_head(st.session_state.get(_BIRTHS), table))

    st.dataframe(
        table,
        hide_index=True,
        key=_BIRTHS,
        on_select=chosen,
        selection_mode="single-row",
        placeholder="first on",
        height="auto" if len(table) <= _MOST_BIRTHS else 35 * (_MOST_BIRTHS + 1),
        column_order=["head", "kind", "final", "birth_step"],  # a kind has one score; the download names it too
        column_config={
            "final": st.column_config.NumberColumn(
                "final", format="%.2f", help="Mean of the last three checkpoints."
            ),
            "birth_step": st.column_config.NumberColumn(
                "born at", format="%.0f", help="Step; 'first on': there from the first checkpoints."
            ),
        },
    )
    st.caption("Choose a row to see that head; a column's title sorts.")
