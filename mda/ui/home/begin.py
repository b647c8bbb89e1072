"""What a study begins with before any head was scored: what that takes, one click away."""

from __future__ import annotations

import streamlit as st

from mda.jobs.files import ACTIVE
from mda.store.paths import read_only
from mda.studies.study import Study
from mda.ui.frame.jobs_panel import job_area, newest_job
from mda.ui.frame.links import HEADS, page_link
from mda.ui.heads.cost import scoring_cost
from mda.ui.heads.form import first_steps, score_button


def begin_scoring(study: Study) -> None:
    """Offer to score a few checkpoints spread over training, or show the job that does."""
    job = newest_job(study.name, "heads")
    if job is not None:
        job_area(job)
    if job is not None and job.state in ACTIVE:
        st.caption("The births are told here as soon as it is through.")
        return
    st.caption("No checkpoint of this study has head scores yet.")
    if not read_only():
        cost = scoring_cost(study, first_steps(study))
        spread = ", spread over training" if len(cost.steps) < len(study.steps) else ""
        st.markdown(f"{cost.words}{spread}.")
        with st.container(horizontal=True, vertical_alignment="center"):
            score_button(study, cost, "Download and score" if cost.missing else "Score the heads")
            page_link(HEADS, "Choose other checkpoints", ":material/arrow_forward:")
