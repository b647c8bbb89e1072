"""Influence of the rows of each stretch of training: how much of it, and of which sign."""

import numpy as np
import pandas as pd

from mda.evidence.intervals import large_mean_interval

MOST_BINS = 60


def influence_by_step(steps: np.ndarray, scores: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """Influence per stretch of training steps, as a small table of one line per stretch that has rows.

    steps, scores: training step and influence score of every row [n], in any order. All stretches are as many
    steps wide: the first of 1, 2, 5, 10, 20, 50, … that makes at most `MOST_BINS` of them, and each starts at a
    multiple of that. Columns: `first` and `last` step of the stretch, `rows`, `total` score and its two parts
    `positive` and `negative`, `mean` score of a row, `low` and `high` (95 % bootstrap of that mean over the
    stretch's rows; NaN for a single row). Raises ValueError for steps and scores that are not one a row, steps
    below 0 or scores that are not finite.
    """
    steps, scores = np.asarray(steps, dtype=np.int64), np.asarray(scores, dtype=np.float64)
    if steps.ndim != 1 or steps.shape != scores.shape:
        raise ValueError(f"steps {steps.shape} and scores {scores.shape} are not one a row")
    if (steps < 0).any() or not np.isfinite(scores).all():
        raise ValueError("steps are at least 0 and scores finite")
    width = _width(steps)
    order = np.argsort(steps // width, kind="stable")
    numbers, starts = np.unique((steps // width)[order], return_index=True)
    lines = []
    for number, values in zip(numbers.tolist(), np.split(scores[order], starts[1:]), strict=False):
        interval = large_mean_interval(values, seed=seed)
        lines.append(
            {
                "first": number * width,
                "last": (number + 1) * width - 1,
                "rows": len(values),
                "total": values.sum(),
                "positive": values[values > 0].sum(),
                "negative": values[values < 0].sum(),
                "mean": interval.mean,
                "low": np.nan if interval.low is None else interval.low,
                "high": np.nan if interval.high is None else interval.high,
            }
        )
    columns = ["first", "last", "rows", "total", "positive", "negative", "mean", "low", "high"]
    return pd.DataFrame(lines, columns=columns)


def _width(steps: np.ndarray) -> int:
    """The narrowest round width that makes at most `MOST_BINS` stretches."""
    if not len(steps):
        return 1
    first, last = int(steps.min()), int(steps.max())
    power = 1
    while True:
        for width in (power, 2 * power, 5 * power):
            if last // width - first // width < MOST_BINS:
                return width
        power *= 10
