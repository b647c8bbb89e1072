"""Rows and checkpoints that are elsewhere, for pages: what a hub gives, without one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mda.checkpoints.source import FolderCheckpoints
from mda.errors import UserError
from mda.spans import repeated_shares
from mda.studies.study import Study


class RowsElsewhere:
    """Rows [N, S] of which some are `there` already; fetching is counted, and may be refused."""

    def __init__(self, rows: np.ndarray, there: Iterable[int] = (), count: int | None = None) -> None:
        self._rows = rows
        self.there = {int(row) for row in there}
        self.shape = (len(rows) if count is None else count, rows.shape[1])
        self.fetched: list[list[int]] = []
        self.refusal: str | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        numbers = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else np.asarray(rows)
        lacking = [row for row in numbers.ravel().tolist() if row not in self.there]
        assert not lacking, f"rows {lacking} are read before they were fetched"
        return self._rows[numbers % len(self._rows)]

    def here(self, rows: np.ndarray) -> np.ndarray:
        return np.array([int(row) in self.there for row in rows], dtype=bool)

    def held(self) -> np.ndarray:
        return np.array(sorted(self.there), dtype=np.int64)

    def fetch(self, rows: np.ndarray, advance: Callable[[int], None] = lambda rows: None) -> None:
        self.fetched.append(sorted(map(int, rows)))
        if self.refusal is not None:
            raise UserError(self.refusal)
        self.there |= {int(row) for row in rows}


class CheckpointsElsewhere(FolderCheckpoints):
    """The checkpoints of a folder, all but some of which have yet to be downloaded."""

    def __init__(self, root: Path, there: Iterable[int], steps: Iterable[int] | None = None) -> None:
        super().__init__(root)
        self.there = set(there)
        self._steps = None if steps is None else sorted(steps)
        self.reasons: dict[int, str] = {}

    @property
    def steps(self) -> list[int]:
        return super().steps if self._steps is None else self._steps

    def here(self, step: int) -> bool:
        return step in self.there

    def folder(self, step: int, advance: Callable[[int], None] = lambda bytes_: None) -> Path:
        assert step in self.there, f"step {step} is loaded before it was downloaded"
        return super().folder(step)

    def download_bytes(self, step: int) -> int | None:
        return 0 if step in self.there else 53_000_000

    def absent(self, step: int) -> str | None:
        return self.reasons.get(step)


def rows_elsewhere(
    monkeypatch: pytest.MonkeyPatch, there: Iterable[int] = (), count: int | None = None
) -> RowsElsewhere:
    """Let the rows of the study `demo` be elsewhere; their repeated shares are known."""
    tokens = np.array(Study.open("demo").rows)
    source = RowsElsewhere(tokens, there, count)
    monkeypatch.setattr(Study, "rows", property(lambda self: source))
    monkeypatch.setattr(Study, "shares", lambda self, rows: repeated_shares(tokens[np.asarray(rows)]))
    return source


def checkpoints_elsewhere(
    monkeypatch: pytest.MonkeyPatch, there: Iterable[int], steps: Iterable[int] | None = None
) -> CheckpointsElsewhere:
    """Let the checkpoints of the study `demo` be elsewhere."""
    study = Study.open("demo")
    source = CheckpointsElsewhere(study.folder / study.facts.checkpoints, there, steps)
    monkeypatch.setattr(Study, "source", property(lambda self: source))
    return source
