"""Whether the model was trained on the study's rows in their order: the last check's verdict, or the check."""

from __future__ import annotations

import streamlit as st

from mda.hub.preshuffled import other_order
from mda.hub.pythia import describe
from mda.jobs.files import ACTIVE
from mda.store.paths import read_only
from mda.studies.order import list_order_checks
from mda.studies.study import Study
from mda.ui.frame.jobs_panel import job_area, newest_job, start_job
from mda.ui.words.plain import plain
from mda.workflows.order_check import OrderCheckRequest

_ABOUT = (
    "Pythia's data were published in two orders, that of the Pile and that of the deduplicated Pile. Which one a "
    "model saw can be told from it: the embeddings of ids that it has not met stay where they were, and it knows "
    "rows that it was just trained on better than those that come next. The check downloads one or two early "
    "checkpoints and some MB of rows of both orders."
)


def order_area(study: Study) -> None:
    """The verdict, or a button that asks for it; nothing for rows of which no other order is published."""
    there = study.facts.preshuffled
    if there is None or other_order(there.repo) is None or not study.facts.in_order:
        return
    job = newest_job(study.name, "check-order")
    checks = list_order_checks(study)
    if job is not None and (job.state in ACTIVE or not checks):
        job_area(job)
    if job is not None and job.state in ACTIVE:
        return
    if checks:
        verdict, _, numbers = checks[0].words.partition(". ")
        st.caption(
            f"Order of training, checked: {plain(verdict.rstrip('.'))}.", help=f"{plain(numbers)}  \n{_ABOUT}"
        )
        return
    model = None if study.facts.hub is None else describe(study.facts.hub.repo)
    doubt = "sources disagree on" if model is not None and model.order_in_doubt else "nobody has checked here"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Trained on the rows of {plain(there.repo)}, as published; {doubt} whether in this order.",
            help=_ABOUT, width="content",
        )  # fmt: skip
        if not read_only():
            request = OrderCheckRequest(study=study.name).model_dump(mode="json")
            st.button(
                "Check the order", type="tertiary", icon=":material/rule:", on_click=start_job,
                args=("check-order", request, study.name),
            )  # fmt: skip
