"""The page of heads: the grid at one step beside the history of all steps."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mda.heads.geometry import Head
from mda.heads.scores import HEAD_SCORES
from mda.jobs.files import ACTIVE
from mda.studies.study import Study
from mda.ui.charts.heads import clicked_head, grid_figure, history_figure
from mda.ui.frame.cached import head_table, model_table
from mda.ui.frame.choices import choose
from mda.ui.frame.jobs_panel import job_area, newest_job, start_job
from mda.ui.frame.page import stale_note
from mda.ui.frame.selection import View, put
from mda.ui.frame.words import SCORE_MEANINGS, name_of
from mda.workflows.head_scores import HeadsRequest, scored_study

_GRID_PIXELS = 400  # the squares' size is in pixels, so the grid's is too


def heads_page(view: View) -> None:
    """Choose score, step and head; see all heads at the step and over all steps."""
    study, selected, step = view.study, view.head, view.step
    st.header("Heads", help="Which attention heads behave like induction heads, and since when?")
    heads, models = head_table(study.name), model_table(study.name)
    job = newest_job(study.name, "heads")
    if job is None or job.state not in ACTIVE:
        _missing(study, models)
    job_area(job)
    if heads.empty:
        return
    stale_note(scored_study(study.name), study, "The table of head scores")
    score = choose("Head score", HEAD_SCORES, view.score, "score", "head score", format_func=name_of)
    st.caption(f"{name_of(score).capitalize()}: {SCORE_MEANINGS.get(score, '')}.")
    side_by_side = st.container(horizontal=True, gap="medium")  # one below the other where that is too narrow
    with side_by_side.container(width=_GRID_PIXELS):
        _grid(study, heads[heads["step"] == step], score, selected)
    with side_by_side.container(width="stretch"):
        st.plotly_chart(
            history_figure(heads, models, score, selected, step), key="history", config={"displayModeBar": False}
        )


def _grid(study: Study, at_step: pd.DataFrame, score: str, selected: Head) -> None:
    def clicked() -> None:
        name = clicked_head(st.session_state.get("grid"), study.sizes)
        if name is not None:
            put(head=name)

    st.plotly_chart(
        grid_figure(at_step, score, selected),
        key="grid",
        on_select=clicked,
        selection_mode="points",
        config={"displayModeBar": False},
    )
    line = at_step[(at_step["layer"] == selected.layer) & (at_step["head"] == selected.index)]
    if line.empty:
        return
    st.caption(f"All scores of **{selected}** at this step. Click a square to choose another head.")
    values = line[list(HEAD_SCORES)].T.reset_index().set_axis(["score", "value"], axis=1)
    values["score"] = [name_of(one) for one in values["score"]]
    st.dataframe(
        values,
        hide_index=True,
        column_config={"value": st.column_config.NumberColumn(format="%.3f")},
    )


def _missing(study: Study, models: pd.DataFrame) -> None:
    """Say how many checkpoints lack scores, with the button that computes them."""
    missing = [step for step in study.steps if step not in set(models["step"])]
    if not missing:
        return
    count = "No checkpoint" if models.empty else f"{len(models)} of {len(study.steps)} checkpoints"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{count} {'has' if models.empty else 'have'} head scores.", width="content")
        st.button(
            f"Score the missing {len(missing)}",
            on_click=start_job,
            args=("heads", HeadsRequest(study=study.name).model_dump(mode="json"), study.name),
        )
