"""A job's folder: what was asked (`spec.json`), how it stands (`status.json`), metrics and log.

Only the job's own process writes the status while it runs; pages and commands read. The stored state is
what that process last said, so `Job.status` compares it with the process table: a process that was killed
or lost with the machine cannot say so itself.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil
from pydantic import AwareDatetime, BaseModel, ValidationError

from mda.errors import UserError
from mda.store.atomic import disk_errors, write_json
from mda.store.identity import identity
from mda.store.paths import cache_root, check_name, refuse_if_read_only
from mda.store.tables import read_jsonl

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
ACTIVE: tuple[State, ...] = ("queued", "running")

_COMMAND = r"[a-z][a-z0-9-]{0,31}"
_ID = re.compile(rf"\d{{8}}-\d{{6}}-{_COMMAND}-[0-9a-f]{{4}}")
_START_SECONDS = 60.0  # within this a queued job's process has begun, or never will
_SAME_START_SECONDS = 2.0  # a start time is derived from the clock, which may have been set in between


class JobSpec(BaseModel):
    """What was asked for; never changes."""

    id: str
    command: str
    arguments: dict[str, Any]
    created: AwareDatetime
    study: str | None = None


class JobStatus(BaseModel):
    """How a job stands. Times are seconds since the epoch; `fraction` is of the whole job, in [0, 1]."""

    state: State
    stage: str = ""
    done: int = 0
    total: int = 1
    fraction: float = 0.0
    seconds_left: float | None = None
    heartbeat: float
    pid: int | None = None
    process_started: float | None = None
    message: str = ""
    result: dict[str, Any] | None = None


class Job:
    """One job, read from its folder at every question."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.spec = JobSpec.model_validate_json((folder / "spec.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise UserError(f"{folder} is not a job's folder; see `mda jobs list`") from error

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def log_path(self) -> Path:
        return self.folder / "log.txt"

    @property
    def metrics_path(self) -> Path:
        return self.folder / "metrics.jsonl"

    @property
    def cancel_path(self) -> Path:
        """Exists while someone wants this job stopped."""
        return self.folder / "cancel"

    @property
    def state(self) -> State:
        """The state as it truly is, see `status`."""
        return self.status.state

    @property
    def status(self) -> JobStatus:
        """The status, with a job whose process is gone shown as interrupted (or cancelled, if asked)."""
        status = self.stored_status()
        if _has_process(status):
            return status
        status = self.stored_status()  # it may have ended properly between reading and looking for it
        if _has_process(status):
            return status
        if self.cancel_path.exists():
            return status.model_copy(update={"state": "cancelled", "message": "cancelled"})
        message = "its process ended without finishing; resume it to go on from what is stored"
        return status.model_copy(update={"state": "interrupted", "message": message})

    def stored_status(self) -> JobStatus:
        """What the job's process last wrote; a missing or broken file counts as queued at creation."""
        try:
            return JobStatus.model_validate_json((self.folder / "status.json").read_bytes())
        except (OSError, ValidationError):
            return JobStatus(state="queued", heartbeat=self.spec.created.timestamp())

    def write_status(self, status: JobStatus, durable: bool = True) -> None:
        """Replace the status in one go (`durable` as in `mda.store.atomic.replacing`)."""
        write_json(self.folder / "status.json", status.model_dump(), durable)

    def metrics(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """The measurements from byte `offset` on, and the offset for the next call."""
        return read_jsonl(self.metrics_path, offset)

    def log_tail(self, lines: int = 200) -> str:
        """The last lines of the log (of its last 64 KiB); empty where there is none yet."""
        try:
            with open(self.log_path, "rb") as file:
                file.seek(max(0, file.seek(0, 2) - 65536))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def _has_process(status: JobStatus) -> bool:
    """Whether the status needs no process, or has a live one (or may still get it)."""
    if status.state not in ACTIVE:
        return True
    if status.pid is None:
        return status.state == "queued" and time.time() - status.heartbeat < _START_SECONDS
    return find_process(status) is not None


def find_process(status: JobStatus) -> psutil.Process | None:
    """The live process of a job; None if it is gone, a zombie, or its number now names another process."""
    if status.pid is None or status.process_started is None:
        return None
    try:
        process = psutil.Process(status.pid)
        if abs(process.create_time() - status.process_started) > _SAME_START_SECONDS:
            return None
        return None if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) else process
    except psutil.NoSuchProcess:
        return None


def jobs_folder() -> Path:
    """The folder that holds all jobs' folders."""
    return cache_root() / "jobs"


def new_job(command: str, arguments: Mapping[str, Any], study: str | None = None) -> Job:
    """Make the folder of a new, queued job. `arguments` must be JSON-able, without NaN."""
    refuse_if_read_only()
    if not re.fullmatch(_COMMAND, command):
        raise UserError(f"'{command[:40]}' is not a job's command: use a-z, 0-9 and dash")
    identity(arguments)  # refuses what JSON cannot hold, before anything is on the disk
    if study is not None:
        check_name(study)
    created = datetime.now(UTC)
    folder = _make_folder(f"{created.astimezone():%Y%m%d-%H%M%S}-{command}")
    spec = JobSpec(id=folder.name, command=command, arguments=dict(arguments), created=created, study=study)
    write_json(folder / "spec.json", spec.model_dump())
    job = Job(folder)
    job.write_status(JobStatus(state="queued", heartbeat=time.time()))
    return job


def _make_folder(stem: str) -> Path:
    while True:
        folder = jobs_folder() / f"{stem}-{secrets.token_hex(2)}"
        try:
            with disk_errors():
                folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue


def find_job(job_id: str) -> Job:
    """The job with this id; raises `UserError` if there is none (or the id could not be one)."""
    folder = jobs_folder() / job_id if _ID.fullmatch(job_id) else None
    if folder is None or not folder.is_dir():
        raise UserError(f"there is no job '{job_id[:80]}'; see `mda jobs list`")
    return Job(folder)


def list_jobs() -> list[Job]:
    """All jobs, newest first; folders that are not whole jobs are passed over."""
    jobs = []
    root = jobs_folder()
    for folder in root.iterdir() if root.is_dir() else ():
        if _ID.fullmatch(folder.name):
            try:
                jobs.append(Job(folder))
            except UserError:
                continue
    return sorted(jobs, key=lambda job: job.spec.created, reverse=True)


def active_job(command: str, arguments: Mapping[str, Any]) -> Job | None:
    """A queued or running job that does exactly this, if there is one."""
    wanted = identity(arguments)
    for job in list_jobs():
        spec = job.spec
        if spec.command == command and identity(spec.arguments) == wanted and job.state in ACTIVE:
            return job
    return None
