"""The first page's pieces: the demo being built, the story of a study, and cards of the others."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mda.errors import UserError
from mda.evidence.births import births
from mda.jobs.files import Job
from mda.studies.attributions import list_attributions
from mda.studies.retrains import list_retrains
from mda.studies.study import Study, list_studies
from mda.ui.charts.heads import story_figure
from mda.ui.frame.cached import head_table, model_table
from mda.ui.frame.jobs_panel import job_area, newest_job, start_job
from mda.ui.frame.links import HEADS, INFLUENCE, RETRAIN, STORY, page_link
from mda.ui.frame.live import live_tables, risen
from mda.ui.frame.selection import View
from mda.ui.frame.words import plain
from mda.ui.home.story import born_by_score, facts_line, sentences
from mda.workflows.demo import DemoRequest

DEMO = DemoRequest()
_FIGURE_PIXELS = 570


def home(view: View) -> None:
    """The chosen study's story, the demo's progress while it is built, and the other studies."""
    study = view.study
    st.header(plain(study.name))
    st.caption(facts_line(study))
    heads = head_table(study.name)
    _demo_job(curves=study.name != DEMO.study or heads.empty)
    _story(study, heads)
    others = [name for name in list_studies() if name != study.name]
    if others:
        st.subheader("Other studies")
        _cards(others)


def building() -> None:
    """The page before there is any study."""
    st.header("Which training rows built an induction head?")
    st.markdown(
        "This explorer trains a small language model on generated text and watches its attention heads. Around "
        "the middle of training some learn to **copy what followed last time**: induction heads are born, and the "
        "loss falls. Then it asks of every training row how far it pushed that birth."
    )
    _demo_job(curves=True)


def _demo_job(curves: bool) -> None:
    """Start the demo once by itself where it is missing; after that only when somebody asks.

    curves: whether to draw its live curves, which the story repeats as soon as there is one.
    """
    if DEMO.study not in list_studies():
        job = newest_job(DEMO.study, "demo")
        if job is None:
            start_job("demo", DEMO.model_dump(mode="json"), DEMO.study)
        elif job.state == "done":  # it was built, and somebody deleted it
            st.info("The demo was built before and is not in the cache any more.")
            arguments = DEMO.model_dump(mode="json")
            st.button("Build the demo again", on_click=start_job, args=("demo", arguments, DEMO.study))
            return
    job_area(newest_job(DEMO.study, "demo"), _live if curves else None)


def _live(job: Job) -> None:
    """Curves that grow while the demo trains."""
    heads, models = live_tables(job.metrics()[0])
    if heads.empty:
        st.caption(
            "The corpus is made first; curves begin at step 100, and the whole takes some minutes. This page may "
            "be closed meanwhile."
        )
        st.skeleton(height=_FIGURE_PIXELS)
        return
    steps = job.spec.arguments.get("steps")
    figure = story_figure(heads, models, risen(heads), steps if isinstance(steps, int) else None)
    st.plotly_chart(figure, key=f"live-{job.id}", config={"displayModeBar": False})


def _story(study: Study, heads: pd.DataFrame) -> None:
    if heads.empty:
        st.info("No checkpoint of this study has head scores yet; they tell when its heads were born.")
        page_link(HEADS, "Score the heads", ":material/grid_view:")
        return
    born = births(heads)
    told = sentences(born)
    if told:
        st.markdown("  \n".join(told))
    else:
        st.markdown("No head of this study was born: none ends with a score of 0.1 or more.")
    if len(set(heads["step"])) < len(study.steps):
        st.caption(f"Scored so far: {len(set(heads['step']))} of {len(study.steps)} checkpoints.")
    st.plotly_chart(
        story_figure(heads, model_table(study.name), born_by_score(born)),
        key="story",
        config={"displayModeBar": False},
    )
    attributions, retrains = len(list_attributions(study.name)), len(list_retrains(study.name))
    with st.container(horizontal=True, gap="large"):
        page_link(HEADS, "Look at every head", ":material/grid_view:")
        rows = f"Read the rows that built them ({attributions} attribution{'s' * (attributions != 1)})"
        page_link(INFLUENCE, rows, ":material/swap_vert:")
        arms = f"Retrain without them ({retrains} retrain{'s' * (retrains != 1)})"
        page_link(RETRAIN, arms, ":material/science:")


def _cards(names: list[str]) -> None:
    columns = st.columns(3)
    for number, name in enumerate(names):
        with columns[number % 3].container(border=True):
            st.markdown(f"**{plain(name)}**")
            try:
                st.caption(facts_line(Study.open(name)))
            except UserError as error:
                st.caption(plain(str(error)))
            page_link(STORY, "Open", study=name)
