"""`mda study download`: bring checkpoints of a study to this machine."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from mda.checkpoints.hub import ASKED_AT_ONCE, HubCheckpoints, NoWeights
from mda.checkpoints.in_turn import in_turn
from mda.checkpoints.source import CheckpointSource
from mda.errors import UserError
from mda.hub.download import MARGIN_BYTES
from mda.progress import Progress
from mda.store.paths import refuse_if_read_only
from mda.studies.study import Study


class DownloadRequest(BaseModel):
    """`mda study download STUDY [--steps …]`; no steps = every checkpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    steps: tuple[int, ...] | None = None


@dataclass(frozen=True)
class DownloadPlan:
    """What a download has to bring: its steps, and bytes, None where the hub does not tell all sizes."""

    steps: list[int]
    bytes_: int | None

    @property
    def sentence(self) -> str:
        """`12 checkpoints, 640 MB to download.`"""
        if not self.steps:
            return "Nothing to download: all is on this machine."
        checkpoints = "1 checkpoint" if len(self.steps) == 1 else f"{len(self.steps)} checkpoints"
        if self.bytes_ is None:
            return f"{checkpoints} to download, of unknown size."
        return f"{checkpoints}, {self.bytes_ / 1e6:,.{0 if self.bytes_ >= 1e7 else 1}f} MB to download."


def needed(source: CheckpointSource, steps: Sequence[int]) -> DownloadPlan:
    """What has to be downloaded for these steps."""
    missing = [step for step in steps if not source.here(step) and source.absent(step) is None]
    with ThreadPoolExecutor(ASKED_AT_ONCE) as several:
        sizes = list(several.map(source.download_bytes, missing))
    return DownloadPlan(missing, None if None in sizes else sum(size for size in sizes if size is not None))


def plan(study: Study, steps: Sequence[int] | None) -> DownloadPlan:
    """What bringing these steps (None: all) takes.

    Raises UserError for unknown steps, for more of them than the study keeps, and for more than the disk takes.
    """
    wanted = study.steps if steps is None else sorted({study.check_step(step) for step in steps})
    keep = study.source.kept.keep if isinstance(study.source, HubCheckpoints) else None
    if keep is not None and len(wanted) > keep:
        raise UserError(
            f"Study '{study.name}' keeps {keep} checkpoints on disk and {len(wanted)} are asked for: ask for "
            f"fewer, or keep more with --keep {len(wanted)} (--keep 0: all)."
        )
    asked = needed(study.source, wanted)
    free = shutil.disk_usage(study.folder).free
    if asked.bytes_ and asked.bytes_ + MARGIN_BYTES > free:
        raise UserError(
            f"{asked.sentence.rstrip('.')}, and the disk of {study.folder.parent} has {free / 1e6:,.0f} MB free: "
            "free some space first, or ask for fewer."
        )
    return asked


def download(request: DownloadRequest, progress: Progress) -> dict[str, Any]:
    """Bring the checkpoints; those that are here cost nothing, and a download that was cut is resumed.

    Returns the steps that came and, with the reason, those that have no weights anywhere. Raises UserError for
    unknown steps and for what the hub or the disk refuses; what came before is kept.
    """
    study = Study.open(request.study)
    asked = plan(study, request.steps)
    if asked.steps:
        refuse_if_read_only()
    progress.log(asked.sentence)
    by_bytes = asked.bytes_ is not None
    progress.stage("download", len(asked.steps) if asked.bytes_ is None else asked.bytes_)
    came: list[int] = []
    arrived = progress.advance if by_bytes else lambda bytes_: progress.changed()
    for step, found in in_turn(study.source, asked.steps, arrived):
        if isinstance(found, NoWeights):
            progress.log(str(found))
        else:
            came.append(step)
        if not by_bytes:
            progress.advance()
    wanted = study.steps if request.steps is None else sorted(set(request.steps))
    reasons = {str(step): reason for step in wanted if (reason := study.source.absent(step)) is not None}
    return {"study": study.name, "downloaded": came, "bytes": asked.bytes_, "skipped": reasons}
