"""Do a job's work in this process, and leave a true state behind however it ends."""

from __future__ import annotations

import json
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from mda.errors import UserError
from mda.jobs.files import Job, State
from mda.jobs.progress import JobProgress
from mda.progress import Cancelled, Progress
from mda.store.atomic import to_bytes

Handler = Callable[[dict[str, Any], Progress], dict[str, Any]]


def execute(
    job: Job, handlers: Mapping[str, Handler], listener: Callable[[Progress], None] | None = None
) -> dict[str, Any]:
    """Run the job's command here and return its result, which is stored as well (non-finite as null).

    A `UserError` leaves the job failed with its sentence, `Cancelled` cancelled, any other exception failed
    with the traceback in the log alone; Ctrl-C and SIGTERM leave it cancelled if that was asked for and
    otherwise interrupted. All are raised on. Nothing that was computed is deleted.
    """
    if job.state == "running":
        raise UserError(f"job {job.id} is running already; see `mda jobs list`")
    progress = JobProgress(job, listener)
    try:
        with _terminable():
            progress.check()
            handler = find_handler(handlers, job.spec.command)
            result = json.loads(to_bytes(handler(job.spec.arguments, progress)))
    except UserError as error:
        _end(progress, "failed", str(error))
        raise
    except Cancelled:
        _end(progress, "cancelled", "cancelled")
        raise
    except KeyboardInterrupt as stop:
        if job.cancel_path.exists():
            _end(progress, "cancelled", "cancelled")
            raise Cancelled(f"job {job.id} was cancelled") from stop
        _end(progress, "interrupted", "interrupted; resume it to go on from what is stored")
        raise
    except BaseException as error:
        with suppress(OSError), open(job.log_path, "a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        _end(progress, "failed", f"internal error: {type(error).__name__}: {error}")
        raise
    progress.end("done", "done", result)
    return result


def find_handler(handlers: Mapping[str, Handler], command: str) -> Handler:
    """The function that does a command; raises `UserError` for an unknown one."""
    if command not in handlers:
        raise UserError(f"there is no job command '{command}'; known are {', '.join(sorted(handlers))}")
    return handlers[command]


def _end(progress: JobProgress, state: State, message: str) -> None:
    """Store how it ended; where that fails (a full disk) the cause already on its way matters more."""
    with suppress(UserError, OSError):
        progress.log(message)
    with suppress(UserError, OSError):
        progress.end(state, message)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM unwind the work as Ctrl-C does, so that files are closed and locks released."""
    if threading.current_thread() is not threading.main_thread():  # only it may set signal handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
