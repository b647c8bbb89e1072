"""The first page: the story of a study, the demo being built, and cards of all studies."""

from __future__ import annotations

import streamlit as st

from mda.jobs.files import ACTIVE, Job
from mda.store.paths import read_only
from mda.studies.study import Study, list_studies
from mda.ui.charts.story import story_figure
from mda.ui.frame.cached import head_table
from mda.ui.frame.jobs_panel import job_area, newest_job, start_job
from mda.ui.frame.live import live_tables, risen
from mda.ui.frame.notes import READ_ONLY_NOTE, order_note, stale_note
from mda.ui.frame.selection import View
from mda.ui.home.add import add_section
from mda.ui.home.findings import told_attribution
from mda.ui.home.gallery import gallery
from mda.ui.home.local_text import local_text_job
from mda.ui.home.order import order_area
from mda.ui.home.parts import birth_part, effect_part, next_part, rows_part, trust_part
from mda.ui.words.plain import plain
from mda.ui.words.story import facts_line, sources_line
from mda.workflows.demo import DemoRequest
from mda.workflows.head_scores import scored_study

DEMO = DemoRequest()
_FIGURE_PIXELS = 445
_PART_PIXELS = 360  # the narrowest that a part can be read in


def home(view: View) -> None:
    """The chosen study's story, the demo's progress while it is built, and cards if there are several studies."""
    study, heads = view.study, head_table(view.study.name)
    st.header(plain(study.name), anchor=False)
    st.caption("  \n".join(filter(None, [facts_line(study), sources_line(study)])))
    order_note(study)
    order_area(study)
    local_text_job(study)
    waiting = study.name == DEMO.study and len(set(heads["step"])) < len(study.steps)
    job = _demo_job(curves=waiting)
    running = study.name == DEMO.study and job is not None and job.state in ACTIVE
    if not (waiting and running):
        if not heads.empty:
            stale_note(scored_study(study.name), study, "The table of head scores")
        _story(view, running)
    if len(names := list_studies()) > 1:
        st.subheader("All studies", anchor=False)
        gallery(names, study.name)
    add_section(alone=False)


def _story(view: View, running: bool) -> None:
    """The four parts and where to go from there; running: whether a job still adds to them."""
    attribution = told_attribution(view)
    parts = st.grid(2, min_column_width=_PART_PIXELS, gap=("small", "medium"))
    with parts.cell(row_span=2 if attribution else 4):  # without any rows to tell of, the others are short
        birth_part(view)
    with parts.cell():
        rows_part(view, attribution, soon=running)
    with parts.cell():
        effect_part(view)
    with parts.cell():
        trust_part(attribution)
    with parts.cell():
        next_part(view, attribution)


def building() -> None:
    """The page before there is any study."""
    st.header("Which training rows built an induction head?", anchor=False)
    st.markdown(
        "This explorer trains a small language model on generated text and watches its attention heads. Around "
        "the middle of training some learn to **copy what followed last time**: induction heads are born, and the "
        "loss falls. Then it asks of every training row how far it pushed that birth."
    )
    job = _demo_job(curves=True)
    add_section(alone=job is None or job.state not in ACTIVE)


def _demo_job(curves: bool) -> Job | None:
    """Start the demo once by itself where there is no study; after that only when somebody asks. Returns its last
    job.

    curves: whether to draw its live curves, which the story repeats once every checkpoint is scored.
    """
    names = list_studies()
    if DEMO.study not in names and read_only():
        if not names:
            st.info(f"{READ_ONLY_NOTE} There is no study in its cache.")
        return None
    job = newest_job(DEMO.study, "demo")
    if DEMO.study not in names:
        arguments = DEMO.model_dump(mode="json")
        if job is None and not names:
            start_job("demo", arguments, DEMO.study)
            job = newest_job(DEMO.study, "demo")
        elif job is not None and job.state == "done" and not names:  # it was built, and somebody deleted it
            st.info("The demo was built before and is not in the cache any more.")
            st.button("Build the demo again", on_click=start_job, args=("demo", arguments, DEMO.study))
    job_area(job, _live if curves else None)
    return job


def _live(job: Job) -> None:
    """Curves that grow while the demo trains; the story takes over once every checkpoint is scored."""
    if job.state in ACTIVE and _scored():
        st.rerun()
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


def _scored() -> bool:
    """Whether every checkpoint of the demo has head scores."""
    if DEMO.study not in list_studies():
        return False
    return len(set(head_table(DEMO.study)["step"])) == len(Study.open(DEMO.study).steps)
