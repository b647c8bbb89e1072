"""Where a study's checkpoints come from: the seam between folders on this machine and repositories elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Protocol

from mda.checkpoints.folder import find_steps, has_optimizer, weights_digest


class CheckpointSource(Protocol):
    """The checkpoints of one model lineage by step."""

    @property
    def steps(self) -> list[int]:
        """Steps that have a checkpoint, ascending."""

    @property
    def config_folder(self) -> Path:
        """A folder with the model's config.json, which is on this machine."""

    def here(self, step: int) -> bool:
        """Whether the checkpoint is on this machine, whole."""

    def folder(self, step: int, advance: Callable[[int], None] = lambda bytes_: None) -> Path:
        """The checkpoint's folder, brought here first where it is not; `advance` is told bytes as they come.

        Raises UserError where it cannot be had (`NoWeights` where that step has no weights anywhere).
        """

    def download_bytes(self, step: int) -> int | None:
        """What bringing the checkpoint here would transfer; 0 where it is here, None where that is not known."""

    def digest(self, step: int) -> str:
        """What names the weights of a step in an identity, without bringing them here."""

    def has_optimizer(self, step: int) -> bool:
        """Whether the checkpoint keeps its optimizer's state."""

    def absent(self, step: int) -> str | None:
        """The sentence that says why the step has no weights anywhere, once that was found out; None before."""


class FolderCheckpoints:
    """Checkpoints in a folder on this machine: `step0/ step100/ …`, or one model folder (step 0)."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def _folders(self) -> dict[int, Path]:
        return find_steps(self.root)

    @property
    def steps(self) -> list[int]:
        return list(self._folders)

    @property
    def config_folder(self) -> Path:
        return next(iter(self._folders.values()))

    def here(self, step: int) -> bool:
        return step in self._folders

    def folder(self, step: int, advance: Callable[[int], None] = lambda bytes_: None) -> Path:
        return self._folders[step]

    def download_bytes(self, step: int) -> int | None:
        return 0

    def digest(self, step: int) -> str:
        """sha256 over the weight files."""
        return weights_digest(self._folders[step])

    def has_optimizer(self, step: int) -> bool:
        return has_optimizer(self._folders[step])

    def absent(self, step: int) -> str | None:
        return None
