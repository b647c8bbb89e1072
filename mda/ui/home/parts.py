"""The four parts of a study's story: each a question, an answer in words, its figure, and the page behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from mda.studies.attributions import Attribution
from mda.ui.charts.story import agreement_figure, composition_figure, effect_figure, story_figure
from mda.ui.frame.cached import born_heads, head_table, model_table
from mda.ui.frame.links import ATTENTION, HEADS, INFLUENCE, RETRAIN, page_link
from mda.ui.frame.notes import told
from mda.ui.frame.selection import View
from mda.ui.frame.share import chart, offer_table
from mda.ui.home.begin import begin_scoring
from mda.ui.home.findings import (
    MOST_ROWS,
    TOP_GROUP,
    compared,
    experiment_score,
    main_change,
    rows_made_of,
    told_experiment,
)
from mda.ui.words.plain import name_of
from mda.ui.words.rows import NO_ORDER, kinds_note
from mda.ui.words.story import born_by_score, composition, effect, reliability, sentences, whose


def birth_part(view: View) -> None:
    """Which heads were born, and when."""
    study = view.study
    heads = head_table(study.name)
    with _part("When were its heads born?", HEADS, "All heads", ":material/grid_view:", _ABOUT_BIRTH):
        if heads.empty:
            begin_scoring(study)
            return
        born = born_heads(study.name)
        st.markdown("  \n".join(sentences(born)) or _NOT_BORN)
        scored = len(set(heads["step"]))
        there = sum(study.source.absent(step) is None for step in study.steps)
        if scored < there:
            st.caption(f"Scored so far: {scored} of {there} checkpoints.")
        figure = story_figure(heads, model_table(study.name), born_by_score(born), step=view.step)
        chart(figure, "birth", "Head scores of every head and the model's losses over training steps.")
        offer_table("births", born)


def rows_part(view: View, attribution: Attribution | None, soon: bool) -> None:
    """What the most influential rows are made of; soon: whether a running job makes the first attribution."""
    heads = [] if attribution is None else attribution.manifest.spec["heads"]
    title = f"What built {whose(heads)}?" if attribution else "What built them?"
    linked = {} if attribution is None else _choices(attribution)
    about = f"{_ABOUT_ROWS} {kinds_note(view.study) or ''}"
    with _part(title, INFLUENCE, "Its rows", ":material/swap_vert:", about, **linked):
        if attribution is None:
            said = "The job above scores the rows next." if soon else "No training row has a score yet."
            _missing(said, INFLUENCE, "Attribute")
            return
        table = rows_made_of(attribution)
        st.markdown(composition(table, TOP_GROUP, heads))
        chart(
            composition_figure(table, TOP_GROUP),
            "composition",
            "Shares of repeated text and of kinds of text, in the top 10 % of rows and in all, with intervals.",
        )
        offer_table("composition", table)


def effect_part(view: View) -> None:
    """What removing the rows did."""
    arms = told_experiment(view)
    linked = {"attribution": arms[0].attribution} if arms else {}
    with _part("What happens without them?", RETRAIN, "All arms", ":material/science:", _ABOUT_EFFECT, **linked):
        if not arms and not view.study.facts.in_order:
            st.caption(f"{NO_ORDER} So nothing can be retrained without some of them.")
            return
        if not arms:
            _missing("Nothing has been retrained without its top rows yet.", RETRAIN, "Plan a retrain")
            return
        change, score = main_change(arms), experiment_score(arms, view)
        lines = compared(arms, change, score)
        if lines.empty:
            st.markdown(
                f"No head was born into {name_of(score)} in the baselines of the newest retrains, so there is no "
                "birth that could be moved."
            )
            return
        st.markdown(effect(lines, change))
        chart(
            effect_figure(lines, change.action),
            "effect",
            "Delay of the birth by which rows were changed, with intervals over replicates.",
        )
        offer_table("effect", lines)


def trust_part(attribution: Attribution | None) -> None:
    """How reliable the scores are."""
    linked = {} if attribution is None else _choices(attribution)
    with _part(
        "How far can the scores be trusted?", INFLUENCE, "Scores", ":material/balance:", _ABOUT_TRUST, **linked
    ):
        if attribution is None:
            st.caption("Every attribution measures how far its ranking depends on its seeds; there is none yet.")
            return
        measured = attribution.manifest.result["reliability"]
        st.markdown(reliability(measured))
        chart(
            agreement_figure(measured),
            "agreement",
            "Rank agreement of the scores between two halves of the probe and between two fits of the curvature.",
        )


def next_part(view: View, attribution: Attribution | None) -> None:
    """Where to go from here."""
    with st.container(gap="xxsmall"):
        st.subheader("What next?", anchor=False)
        page_link(ATTENTION, f"See what {view.head} attends to", ":material/visibility:")
        page_link(INFLUENCE, f"Ask which rows built {view.head}", ":material/swap_vert:")
        if attribution is not None and view.study.facts.in_order:
            page_link(RETRAIN, "Take rows away and retrain", ":material/science:", attribution=attribution.id)


_NOT_BORN = "No head of this study was born: none ends with a score of 0.1 or more."
_ABOUT_BIRTH = (
    "Born: the mean score of the last three checkpoints is 0.1 or more. When: the step at which the running mean "
    "of three checkpoints first reaches half of that."
)
_ABOUT_ROWS = (
    "The tenth of the rows with the highest scores, beside every scored row. Lines: 95 % bootstrap intervals over "
    "rows. They tell the luck of the rows, and nothing of the luck of a training. Of more than "
    f"{MOST_ROWS:,} rows a uniform sample of that many is measured."
)
_ABOUT_EFFECT = (
    "The newest retrains that share schedule and attribution. Delay: how many steps later the heads reach half of "
    "the baseline's final score. Intervals: 95 % bootstrap over replicates, hardly more than the range of three."
)
_ABOUT_TRUST = (
    "Spearman's rank correlation of the scores between two halves of the probe's sequences, and between two fits "
    "of the curvature with other sampled labels. 1: the same ranking."
)


@contextmanager
def _part(title: str, page: str, link: str, icon: str, about: str, **params: object) -> Iterator[None]:
    with st.container(gap="xsmall"), told():
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(title, anchor=False, help=about, width="content")
            page_link(page, link, icon, **params)
        yield


def _missing(said: str, page: str, link: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(said, width="content")
        page_link(page, link, ":material/arrow_forward:")


def _choices(attribution: Attribution) -> dict[str, object]:
    spec = attribution.manifest.spec
    return {"head": spec["heads"][0], "probe": spec["probe"], "attribution": attribution.id}
