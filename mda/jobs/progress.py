"""Progress that is published in a job's files."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil

from mda.errors import UserError
from mda.jobs.files import Job, JobStatus, State
from mda.progress import Cancelled, Progress
from mda.store.tables import append_jsonl

PUBLISH_SECONDS = 0.5
HEARTBEAT_SECONDS = 2.0


class JobProgress(Progress):
    """Writes a job's status, log and metrics from the job's own process, from construction to `end`.

    The status is written when a stage begins and otherwise at most every half second; then it is also
    looked whether somebody asked for a stop. A small thread keeps the heartbeat fresh during long pieces.
    `listener` is called after every change, in the thread that works.
    """

    def __init__(self, job: Job, listener: Callable[[Progress], None] | None = None) -> None:
        super().__init__()
        self.message = ""
        self._job = job
        self._listener = listener
        self._pid = os.getpid()
        self._process_started = psutil.Process().create_time()
        self._due = 0.0
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._write("running")
        threading.Thread(target=self._beat, name=f"heartbeat of {job.id}", daemon=True).start()

    def stage(self, name: str, total: int, done: int = 0) -> None:
        self._due = 0.0
        super().stage(name, total, done)

    def changed(self) -> None:
        if self._listener is not None:
            self._listener(self)
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + PUBLISH_SECONDS
        self._try_write()
        self.check()

    def check(self) -> None:
        """Raise `Cancelled` where a stop was asked for."""
        if self._job.cancel_path.exists():
            raise Cancelled(f"job {self._job.id} was cancelled")

    def log(self, line: str) -> None:
        self.message = line
        with suppress(OSError), open(self._job.log_path, "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        if self._listener is not None:
            self._listener(self)

    def record(self, **values: float | int | str) -> None:
        append_jsonl(self._job.metrics_path, values)

    def end(self, state: State, message: str, result: dict[str, Any] | None = None) -> None:
        """Write the last status; nothing is published after it."""
        with self._writing:
            self._ended.set()
            self.message = message
            self._job.write_status(self._status(state, result))

    def _status(self, state: State, result: dict[str, Any] | None = None) -> JobStatus:
        return JobStatus(
            state=state,
            stage=self.name,
            done=self.done,
            total=self.total,
            fraction=1.0 if state == "done" else self.fraction,
            seconds_left=self.seconds_left if state == "running" else None,
            heartbeat=time.time(),
            pid=self._pid,
            process_started=self._process_started,
            message=self.message,
            result=result,
        )

    def _write(self, state: State) -> None:
        with self._writing:
            if not self._ended.is_set():
                self._job.write_status(self._status(state), durable=False)

    def _try_write(self) -> None:
        # a status that cannot be written is no reason to lose the work; a full disk will show there
        with suppress(UserError, OSError):
            self._write("running")

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            self._try_write()
