"""Start, stop and resume jobs from outside: each is a process group of its own that outlives its starter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psutil
from filelock import FileLock, Timeout

from mda.errors import UserError
from mda.jobs.files import ACTIVE, Job, JobStatus, State, active_job, find_process, jobs_folder, new_job
from mda.store.atomic import disk_errors
from mda.store.paths import CHECKOUT, cache_root, refuse_if_read_only

RUNNER = [sys.executable, "-m", "mda.jobs"]
GRACE_SECONDS = 5.0  # between a request, SIGTERM and SIGKILL
_POLL_SECONDS = 0.05


def launch(command: str, arguments: Mapping[str, Any], study: str | None = None) -> Job:
    """Start a job in the background and return at once.

    A queued or running job with the same command and arguments is returned instead of a second one, so a
    double click or a rerun of a page does no harm.
    """
    refuse_if_read_only()
    with _starting():
        running = active_job(command, arguments)
        if running is not None:
            return running
        job = new_job(command, arguments, study)
        _spawn(job)
    return job


def resume(job: Job) -> Job:
    """Start a failed, cancelled or interrupted job again, in the same folder; returns it.

    Workflows go on from what they stored. Raises `UserError` where there is nothing to resume.
    """
    refuse_if_read_only()
    with _starting():
        state = job.state
        if state in ACTIVE or state == "done":
            raise UserError(f"job {job.id} is {state}; only a job that stopped early can be resumed")
        twin = active_job(job.spec.command, job.spec.arguments)
        if twin is not None:
            raise UserError(f"job {twin.id} does the same work and is {twin.state}; wait for it or cancel it")
        job.cancel_path.unlink(missing_ok=True)
        job.write_status(JobStatus(state="queued", heartbeat=time.time()))
        _spawn(job)
    return job


def ask_to_cancel(job: Job) -> None:
    """Ask a job to stop and return at once; a thread of this process sees to it, as `cancel` does.

    Asked again while that thread is at work, it does nothing. Should this process end before, the request stays,
    and the job follows it at its next piece of work.
    """
    _request(job)
    if stopping(job) and not being_stopped(job):
        threading.Thread(target=_stop_quietly, args=(job,), name=_stopper(job), daemon=True).start()


def being_stopped(job: Job) -> bool:
    """Whether a thread of this process is stopping the job right now."""
    return any(thread.name == _stopper(job) for thread in threading.enumerate())


def stopping(job: Job) -> bool:
    """Whether the job was asked to stop, by whomever, and has not ended yet."""
    return job.cancel_path.exists() and job.state in ACTIVE


def cancel(job: Job, grace: float = GRACE_SECONDS) -> State:
    """Stop a job and return its state, `cancelled` unless it ended by itself meanwhile.

    First a request that the job sees at its next piece of work, after `grace` seconds SIGTERM to its process
    group, after as long again SIGKILL. Returns when the process is dead, or has at least ended the job (one
    that runs in a terminal may go on with something else). A job that ended before is left alone, and so is one
    that is resumed meanwhile, which takes the request back.
    """
    _request(job)
    if not stopping(job):
        return job.state
    children: set[psutil.Process] = set()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        with _starting():  # so that no resume comes between the look and the signal
            if not job.cancel_path.exists():
                return job.state
            stored = job.stored_status()
            process = find_process(stored)
            if process is not None:
                with suppress(psutil.Error):
                    children.update(process.children(recursive=True))
                # a process that ended its job may have other things to do, as in a terminal: never signal it
                if number is not None and stored.state in ACTIVE:
                    _signal(process, number)
        if _wait_until_ended(job, grace) or job.stored_status().state not in ACTIVE:
            break
    with _starting():
        if not job.cancel_path.exists():
            return job.state
        final = job.stored_status()
        if find_process(final) is None:
            for child in children:  # workers that their parent could not take along
                with suppress(psutil.Error):
                    child.kill()
        if final.state in ACTIVE:
            if find_process(final) is not None:
                raise UserError(f"job {job.id} cannot be stopped (process {final.pid}); end it by hand")
            # killed before it could say so, or (no process yet) it will see the request as soon as it begins
            update = {"state": "cancelled", "message": "cancelled", "heartbeat": time.time()}
            job.write_status(final.model_copy(update=update))
    return job.state


def _request(job: Job) -> None:
    """Leave the request to stop where the job looks for it; nothing for a job that has ended."""
    refuse_if_read_only()
    if job.state in ACTIVE:
        with disk_errors():
            job.cancel_path.touch()


def _stop_quietly(job: Job) -> None:
    with suppress(UserError, OSError):  # nobody waits for it; the page goes on to show that the job is stopping
        cancel(job, GRACE_SECONDS)


def _stopper(job: Job) -> str:
    return f"stopper of {job.id}"


def _wait_until_ended(job: Job, seconds: float) -> bool:
    """Wait until the job has said that it ended and its process is gone; False after `seconds`."""
    until = time.monotonic() + seconds
    while True:
        stored = job.stored_status()
        if find_process(stored) is None and (stored.pid is not None or stored.state not in ACTIVE):
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(_POLL_SECONDS)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    """Signal a job's process group; just the process where the group is not its own (run in a terminal)."""
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        if os.getpgid(process.pid) == process.pid and process.is_running():
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


@contextmanager
def _starting() -> Iterator[None]:
    """One starter at a time on this machine, so that none overlooks another's job."""
    root = jobs_folder()
    with disk_errors():
        root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / ".lock", timeout=30)
    try:
        lock.acquire()
    except Timeout:
        raise UserError("another process has been starting a job for 30 s; try again") from None
    try:
        yield
    finally:
        lock.release()


def _spawn(job: Job) -> None:
    path = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "MDA_CACHE": str(cache_root()),
        "PYTHONPATH": os.pathsep.join(path),  # the package need not be installed to be run from a checkout
        "PYTHONUNBUFFERED": "1",
    }
    queued = job.stored_status()
    try:
        with disk_errors(), open(job.log_path, "ab") as log:
            process = subprocess.Popen(
                [*RUNNER, job.id],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
    except (OSError, UserError) as error:
        job.write_status(JobStatus(state="failed", heartbeat=time.time(), message=f"cannot start: {error}"))
        raise
    threading.Thread(target=_reap, args=(job, process, queued), name=f"reaper of {job.id}", daemon=True).start()


def _reap(job: Job, process: subprocess.Popen[bytes], queued: JobStatus) -> None:
    """Wait for a job's end, so that it leaves no zombie, and report one that ended before it began.

    It began if the status is no longer the one it was `queued` with; another queued one is that of a resume.
    """
    code = process.wait()
    with suppress(UserError, OSError):
        if job.stored_status() == queued:
            message = f"the process ended with code {code} before it began; see {job.log_path}"
            job.write_status(JobStatus(state="failed", heartbeat=time.time(), message=message))
