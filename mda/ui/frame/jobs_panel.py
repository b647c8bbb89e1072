"""Background jobs on a page: progress, time left, stopping, and what to do about one that did not finish."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import streamlit as st

from mda.errors import UserError
from mda.jobs.files import ACTIVE, Job, JobStatus, list_jobs
from mda.jobs.launch import ask_to_cancel, being_stopped, launch, resume, stopping
from mda.progress import time_left
from mda.store.paths import read_only
from mda.ui.frame.public import public
from mda.ui.words.plain import plain

Live = Callable[[Job], None]

_NAMES = {
    "demo": "Building the demo",
    "heads": "Scoring heads",
    "attribute": "Attributing",
    "retrain": "Retraining",
    "retrains": "Retraining",
    "download": "Downloading checkpoints",
    "add-study": "Adding a study",
    "check-order": "Checking the order of training",
    "local-text": "Training on local text",
}
# drawing curves takes a third of a core at one second, which the job itself then lacks on a small machine
_PAGE_SECONDS, _SIDEBAR_SECONDS = 2.0, 4.0


def start_job(command: str, arguments: Mapping[str, Any], study: str) -> None:
    """Start a job; a button's callback, so a refusal is told in passing and not raised."""
    _try(lambda: launch(command, arguments, study))


def newest_job(study: str, *commands: str) -> Job | None:
    """The newest job of one of the commands for a study."""
    for job in list_jobs():
        if job.spec.command in commands and job.spec.study == study:
            return job
    return None


def job_area(job: Job | None, live: Live | None = None) -> None:
    """How a job stands: live while it runs, with its cause and a remedy where it stopped early, else nothing.

    live: draws the job's measurements; redrawn every other second while it runs. When the job ends the whole page
    runs again, so that it shows what the job made.
    """
    if job is None:
        return
    status = job.status
    if status.state in ACTIVE:
        st.fragment(_running, run_every=_PAGE_SECONDS)(job, live)
    elif status.state != "done" and not st.session_state.get(_dismissed(job)):
        _stopped(job, status)
        if live is not None:
            live(job)


def sidebar_jobs() -> None:
    """All running jobs, of every study. Call inside the sidebar."""
    active = [job for job in list_jobs() if job.state in ACTIVE]
    if active:
        st.fragment(_sidebar, run_every=_SIDEBAR_SECONDS)([job.id for job in active])
    else:
        st.caption("No job is running.")


def progress_line(status: JobStatus, asked_to_stop: bool = False) -> str:
    """`train, 43 %, about 2 min left`, or `stopping` once somebody asked for it."""
    if asked_to_stop:
        return "stopping, what is finished is kept"
    if status.state == "queued":
        return "starting"
    parts = [status.stage or "starting", f"{100 * status.fraction:.0f} %", time_left(status.seconds_left)]
    return ", ".join(part for part in parts if part)


def _running(job: Job, live: Live | None) -> None:
    status = job.status
    if status.state not in ACTIVE:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container():
            st.progress(min(1.0, status.fraction), text=f"**{_name(job)}**: {_line(job, status)}")
        _cancel_button(job, "cancel", "content")
    if live is not None:
        live(job)


def _stopped(job: Job, status: JobStatus) -> None:
    words = {"failed": "failed", "cancelled": "was cancelled", "interrupted": "was interrupted"}[status.state]
    cause = "" if status.state == "cancelled" else f": {plain(public(status.message))}"
    box = st.error if status.state == "failed" else st.warning
    box(f"{_name(job)} {words} at {100 * status.fraction:.0f} %{cause}")
    with st.container(horizontal=True):
        if not read_only():
            st.button(
                "Resume",
                key=f"resume-{job.id}",
                icon=":material/play_arrow:",
                on_click=_try,
                args=(lambda: resume(job),),
            )
        st.button("Dismiss", key=f"dismiss-{job.id}", on_click=_dismiss, args=(job,))
    if not read_only() and (log := job.log_tail(40)):  # logs name folders of this machine
        with st.expander("Log"):
            st.code(log, language=None)


def _sidebar(expected: list[str]) -> None:
    active = [job for job in list_jobs() if job.state in ACTIVE]
    if [job.id for job in active] != expected:
        st.rerun()
    for job in active:
        study = f" · {plain(job.spec.study)}" if job.spec.study else ""
        st.caption(f"**{_name(job)}**{study}")
        status = job.status
        st.progress(min(1.0, status.fraction), text=_line(job, status))
        _cancel_button(job, "cancel-side", "stretch")


def _name(job: Job) -> str:
    return _NAMES.get(job.spec.command, plain(job.spec.command))


def _line(job: Job, status: JobStatus) -> str:
    return plain(progress_line(status, stopping(job)))


def _cancel_button(job: Job, key: str, width: Literal["content", "stretch"]) -> None:
    """The button that stops a job; it rests while a stop is under way, and is absent where nothing may be done."""
    if not read_only():
        st.button(
            "Cancel", key=f"{key}-{job.id}", on_click=_try, args=(lambda: ask_to_cancel(job),), width=width,
            disabled=being_stopped(job), help="Stops the job; what it finished is kept, and it can be resumed.",
        )  # fmt: skip


def _dismissed(job: Job) -> str:
    return f"dismissed:{job.id}"


def _dismiss(job: Job) -> None:
    st.session_state[_dismissed(job)] = True


def _try(act: Callable[[], Any]) -> None:
    try:
        act()
    except UserError as error:
        st.toast(plain(str(error)), duration="long")
