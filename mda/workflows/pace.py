"""How long the parts of an attribution take, and how often each is done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from pydantic import BaseModel, ConfigDict

from mda.curvature.registry import find_curvature
from mda.store.tables import append_jsonl, read_jsonl

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig

RELIABILITY_ROWS = 2048  # on which reliability is measured, where so many are scored
_MULTIPLY = {"cpu": 1024, "mps": 4096, "cuda": 8192}  # side of a matrix whose square takes a moment


class Rates(BaseModel):
    """Seconds that the parts of an attribution take on this machine: loading a checkpoint, the gradient of the
    probe, a row in one pass of the fits, a row along all sets of directions in fp32, a row along the one that
    scores."""

    model_config = ConfigDict(frozen=True)

    load: float
    probe: float
    fit_row: float
    check_row: float
    score_row: float


@dataclass(frozen=True)
class Work:
    """How often the parts of an attribution are done. Of the rows, `checked` are scored along all sets of
    directions; `compared` of these once more, in the other number format."""

    steps: int
    rows: int
    fit_rows: int
    passes: int  # of the two fits, which go together
    checked: int
    compared: int

    @staticmethod
    def of(rows: int, steps: int, curvature: str, fit_rows: int, bfloat16: bool = False) -> Work:
        """The work of scoring so many rows at so many checkpoints."""
        passes, checked = find_curvature(curvature).passes, min(rows, RELIABILITY_ROWS)
        return Work(steps, rows, min(rows, fit_rows), passes, checked, checked if bfloat16 else 0)

    @property
    def rows_passed(self) -> int:
        """Rows that pass through a model, one counted as often as it does."""
        return self.steps * (self.passes * self.fit_rows + self.compared + self.rows)

    def seconds(self, rates: Rates) -> dict[str, float]:
        """Seconds by part: checkpoints, probe, curvature, scores, and what reliability takes on top of these."""
        alone = self.checked - self.compared
        return {
            "checkpoints": self.steps * rates.load,
            "probe": self.steps * rates.probe,
            "curvature": self.steps * self.passes * self.fit_rows * rates.fit_row,
            "reliability": self.steps * max(0.0, self.checked * rates.check_row - alone * rates.score_row),
            "scores": self.steps * self.rows * rates.score_row,
        }


class Stopwatch:
    """Adds up what parts of a work took in a file of its own, so that an interrupted job's share counts."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def __call__(self, part: str, count: int = 1) -> Iterator[None]:
        """Time a block that does a part `count` times; kept if the block ends well."""
        begun = time.monotonic()
        yield
        append_jsonl(self.path, {"part": part, "count": count, "seconds": time.monotonic() - begun})

    def each(self, part: str) -> float:
        """Mean seconds of doing a part once; 0 where it was never done."""
        lines = [line for line in read_jsonl(self.path)[0] if line["part"] == part]
        return sum(line["seconds"] for line in lines) / sum(line["count"] for line in lines) if lines else 0.0


def in_words(seconds: float) -> str:
    """`12 s`, `14 min`, `5.6 h`, `12 days`, `4.6 years`: rounded to what an estimate deserves."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    days = seconds / 86_400
    return f"{days:.0f} days" if days < 730 else f"{days / 365.25:,.1f} years"


def least_seconds(config: GPTNeoXConfig, seq_len: int, device: torch.device) -> float:
    """Seconds that one row takes at the very least: the products of one forward and one backward pass to the
    activations, at the speed of one large product on this device."""
    d, side = config.hidden_size, _MULTIPLY[device.type]
    weights = config.num_hidden_layers * (4 * d * d + 2 * d * config.intermediate_size) + d * config.vocab_size
    matrix = torch.ones(side, side, device=device)
    speed = 0.0
    for _ in range(3):
        begun = time.perf_counter()
        (matrix @ matrix)[0, 0].item()  # waits for the device
        speed = max(speed, 2 * side**3 / (time.perf_counter() - begun))
    return 4 * weights * seq_len / speed
