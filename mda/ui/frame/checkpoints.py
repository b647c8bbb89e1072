"""Checkpoints that a page needs and this machine lacks: never downloaded by a page, but offered as a job."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import streamlit as st

from mda.hub.client import offline
from mda.jobs.files import ACTIVE, Job
from mda.store.paths import read_only
from mda.studies.study import Study
from mda.ui.frame.jobs_panel import job_area, newest_job, start_job
from mda.ui.frame.public import public
from mda.ui.words.plain import listed, plain, size_words
from mda.workflows.download import DownloadRequest

_PATIENCE = 2.0  # seconds that a page waits for sizes; the hub may be far away
_MOST_ASKED = 6  # checkpoints whose sizes are asked for; the others are taken to be as large
_MOST_TOLD = 4  # steps that a sentence names


def ready(study: Study, steps: Sequence[int], what: str) -> bool:
    """Whether the checkpoints of these steps are on this machine, so that a page may load them.

    Where not, says which lack and how large they are, with a button that brings them, or the progress of the job
    that does. what: what they are needed for, as in `the influence of tokens`.
    """
    missing = [step for step in sorted(set(steps)) if not study.source.here(step)]
    if not missing:
        return True
    reasons = {step: reason for step in missing if (reason := study.source.absent(step)) is not None}
    for reason in reasons.values():
        st.info(f"{plain(public(reason))} So {what} cannot be shown.")
    missing = [step for step in missing if step not in reasons]
    job = newest_job(study.name, "download")
    mine = job is not None and not set(missing).isdisjoint(_asked(job, study))
    if job is not None and mine:
        job_area(job)
    if missing and not (job is not None and mine and job.state in ACTIVE):
        _offer(study, missing, what)
    return False


def here_of(study: Study) -> list[int]:
    """The steps whose checkpoints are on this machine, ascending."""
    return [step for step in study.steps if study.source.here(step)]


def download_bytes(study: Study, steps: Sequence[int]) -> int | None:
    """What downloading the checkpoints of these steps transfers, about; None where it is not known in time.

    Of many only a few spread over them are asked for, once a process.
    """
    steps = [step for step in steps if not study.source.here(step) and study.source.absent(step) is None]
    if not steps or offline():
        return None if steps else 0
    asked = steps if len(steps) <= _MOST_ASKED else steps[:: -(-len(steps) // _MOST_ASKED)]
    until = time.monotonic() + _PATIENCE
    futures = [_size(study.name, study.manifest.identity, step) for step in asked]
    sizes = []
    for future in futures:
        try:
            sizes.append(future.result(timeout=max(0.0, until - time.monotonic())))
        except TimeoutError:
            continue
    known = [size for size in sizes if size is not None]
    return round(sum(known) / len(known) * len(steps)) if known else None


def why_no_download() -> str | None:
    """The end of a sentence that says why nothing can be downloaded from here; None where it can."""
    if read_only():
        return "a read-only explorer downloads nothing"
    return "HF_HUB_OFFLINE is set, so nothing is downloaded" if offline() else None


def steps_words(steps: Sequence[int]) -> str:
    """`Step 1,000`, `Steps 1, 2 and 4`, `24 checkpoints`."""
    if len(steps) > _MOST_TOLD:
        return f"{len(steps)} checkpoints"
    return f"Step{'s' * (len(steps) > 1)} {listed([f'{step:,}' for step in steps])}"


def _offer(study: Study, missing: list[int], what: str) -> None:
    verb = "is" if len(missing) == 1 else "are"
    told = f"{steps_words(missing)} {verb} not on this machine"
    if (why := why_no_download()) is not None:
        st.info(f"{told}, and {why}; {what} needs {'it' if len(missing) == 1 else 'them'}.")
        return
    size = download_bytes(study, missing)
    told += f" ({size_words(size)})" if size is not None else ""
    request = DownloadRequest(study=study.name, steps=tuple(missing)).model_dump(mode="json")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(f"{told}; {what} needs {'it' if len(missing) == 1 else 'them'}.", width="stretch")
        st.button(
            "Download", icon=":material/download:", key=f"download-{what}", on_click=start_job,
            args=("download", request, study.name),
        )  # fmt: skip


def _asked(job: Job, study: Study) -> list[int]:
    """The steps that a download was asked for."""
    steps = job.spec.arguments.get("steps")
    return study.steps if steps is None else [int(step) for step in steps]


@cache
def _askers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MOST_ASKED, thread_name_prefix="size of a checkpoint")


@st.cache_resource(max_entries=2000, ttl=600, show_spinner=False)
def _size(name: str, identity: str, step: int) -> Future[int | None]:
    source = Study.open(name).source
    return _askers().submit(source.download_bytes, step)
