"""A study trained on text found on this machine: starting it, going on with it, and its curves while it trains."""

from __future__ import annotations

import streamlit as st

from mda.jobs.files import ACTIVE, Job
from mda.studies.study import Study, list_studies
from mda.ui.charts.story import story_figure
from mda.ui.frame.jobs_panel import job_area, newest_job, start_job
from mda.ui.frame.links import STORY, page_link
from mda.ui.frame.live import live_tables, risen
from mda.workflows.local_text import LocalTextRequest

_COMMAND = "local-text"


def local_text_form() -> None:
    """How many minutes it may take, and the button."""
    name = LocalTextRequest().study
    there = name in list_studies()
    st.markdown(
        "Documentation, source, licences and data files of the installed Python packages, cut into tokens by a "
        "tokenizer made for them, train a small GPT-NeoX from scratch. Nothing is downloaded, and nothing leaves "
        "this machine."
    )
    job = newest_job(name, _COMMAND)
    if job is not None and job.state in ACTIVE:
        job_area(job)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        minutes = st.number_input(
            "Minutes in all", 1, 10_000, 40 if there else 20, key="add-minutes", width=150,
            help="A few minutes give heads that look at the token before; induction heads take longer. More "
            "minutes later go on from the last checkpoint.",
        )  # fmt: skip
        request = LocalTextRequest(minutes=float(minutes)).model_dump(mode="json")
        st.button(
            "Train on" if there else "Find text and train", icon=":material/play_arrow:", on_click=start_job,
            args=(_COMMAND, request, name),
        )  # fmt: skip
        if there:
            page_link(STORY, f"Open {name}", ":material/arrow_forward:", study=name)


def local_text_job(study: Study) -> None:
    """The training of this study while it runs, with its curves; nothing for other studies."""
    if study.manifest.spec.get("origin") == _COMMAND:
        job_area(newest_job(study.name, _COMMAND), _live)


def _live(job: Job) -> None:
    heads, models = live_tables(job.metrics()[0])
    if job.state in ACTIVE and not heads.empty:
        st.plotly_chart(
            story_figure(heads, models, risen(heads)), key=f"live-{job.id}", config={"displayModeBar": False}
        )
