"""Which rows of a range are asked for: all of it, a random sample, or the first few of every step."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mda.errors import UserError


class RowChoice(BaseModel):
    """Rows of [start, stop): all, or `sample` of them at random (seeded), or the first `per_step` of every step.

    Training rows are shuffled before training, so that the first rows of a step are a random sample of it, and a
    retrain with fewer rows a step than the published run sees exactly those.
    """

    model_config = ConfigDict(frozen=True)

    start: int
    stop: int
    sample: int | None = Field(default=None, ge=1)
    per_step: int | None = Field(default=None, ge=1)

    def numbers(self, batch_size: int, seed: int = 0) -> np.ndarray:
        """The row numbers, ascending int64. Raises UserError for two choices at once and for an empty one."""
        if self.sample is not None and self.per_step is not None:
            raise UserError("Choose rows by --sample or by --rows-per-step, not by both.")
        if self.sample is not None:
            count = self.stop - self.start
            if self.sample >= count:
                return np.arange(self.start, self.stop)
            drawn = np.random.default_rng([seed, 7]).choice(count, self.sample, replace=False, shuffle=False)
            return self.start + np.sort(drawn)
        if self.per_step is None or self.per_step >= batch_size:
            return np.arange(self.start, self.stop)
        first, last = self.start // batch_size, -(-self.stop // batch_size)
        rows = (np.arange(first, last)[:, None] * batch_size + np.arange(self.per_step)).ravel()
        rows = rows[(rows >= self.start) & (rows < self.stop)]
        if not len(rows):
            raise UserError(
                f"None of the rows {self.start}:{self.stop} is among the first {self.per_step} of its step of "
                f"{batch_size}; choose a range that begins with a step, or more rows a step."
            )
        return rows

    @property
    def words(self) -> str:
        """`rows 0 to 4,096`, `1,000 random rows of 0 to 4,096`, `the first 8 rows of each step, 0 to 4,096`."""
        within = f"{self.start:,} to {self.stop:,}"
        if self.sample is not None:
            return f"{self.sample:,} random rows of {within}"
        if self.per_step is not None:
            few = "the first row" if self.per_step == 1 else f"the first {self.per_step:,} rows"
            return f"{few} of each step, rows {within}"
        return f"rows {within}"
