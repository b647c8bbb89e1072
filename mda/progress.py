"""How long work reports progress and learns that it should stop.

Workflows take a `Progress`; this base class is silent. Jobs replace it with one that writes files, the
command line with one that also draws a bar.
"""

from __future__ import annotations

import time


class Cancelled(Exception):  # noqa: N818 (no error: its user asked for it)
    """Raised inside long work when its user asked it to stop; whatever was already stored stays."""


class Progress:
    """Progress over named stages, each with an expected share of the whole time.

    `plan(train=0.7, heads=0.3)` once, then for each stage `stage("train", total=1600, done=900)` and
    `advance(n)` after every piece. Work that was already there when a stage began (`done`) counts as
    finished but not as time spent, so the time left stays honest after a resume.
    """

    def __init__(self) -> None:
        self.shares: dict[str, float] = {}
        self.name = ""
        self.total = 1
        self.done = 0
        self._before = 0.0  # share of the whole that lies in finished stages
        self._skipped = 0.0  # share of the whole that was found already done
        self._started = time.monotonic()

    def plan(self, **shares: float) -> None:
        """Name the stages to come and the relative time each is expected to take."""
        whole = sum(shares.values()) or 1.0
        self.shares = {name: share / whole for name, share in shares.items()}

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """Begin a stage of `total` pieces, `done` of which exist already. Closes the stage before it."""
        if self.name:
            self._before += self.shares.get(self.name, 1.0)
        self.name, self.total, self.done = name, max(total, 1), 0
        self.skip(done)

    def skip(self, pieces: int) -> None:
        """Count pieces of this stage that turned out to exist already."""
        self.done = min(self.done + pieces, self.total)
        self._skipped += self.shares.get(self.name, 1.0) * pieces / self.total
        self.changed()

    def advance(self, pieces: int = 1) -> None:
        """Count finished pieces. Raises `Cancelled` where a stop was asked for."""
        self.done = min(self.done + pieces, self.total)
        self.changed()

    def log(self, line: str) -> None:
        """Say one line; the base class drops it."""

    def record(self, **values: float | int | str) -> None:
        """Keep one line of live measurements (a step's head scores, a loss); the base class drops it."""

    def changed(self) -> None:
        """Called after every change; subclasses publish it, and raise `Cancelled` to stop the work."""

    @property
    def fraction(self) -> float:
        """Share of the whole job that is done, in [0, 1]."""
        return min(1.0, self._before + self.shares.get(self.name, 1.0) * self.done / self.total)

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the end; None before anything was done."""
        earned = self.fraction - self._skipped
        if earned <= 0:
            return None
        return (time.monotonic() - self._started) * (1.0 - self.fraction) / earned


def time_left(seconds: float | None) -> str:
    """`about 2 min left`, rounded to what an estimate deserves; empty when unknown."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"
