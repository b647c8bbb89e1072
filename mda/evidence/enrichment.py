"""What the rows of a selection are made of, beside all rows and beside its controls."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mda.evidence.intervals import large_mean_interval

ALL_ROWS = "all rows"
"""Name of the group of every row of the window; the first group of every table."""

HIGH_QUANTILE = 0.9
"""A row is highly repeated when its repeated share reaches this quantile of all rows."""

_DRAWS = 1000  # of the bootstrap over rows: groups are large, and a table has dozens of intervals


def enrichment(
    groups: Mapping[str, np.ndarray],
    kinds: np.ndarray | None,
    shares: np.ndarray,
    seed: int = 0,
    measures: Mapping[str, np.ndarray] | None = None,
) -> pd.DataFrame:
    """What each group of rows is made of, as a small table of one line per group and measure.

    groups: name -> positions in the window, such as a selection and its controls; kinds: kind of every row
    [n], or None in a study without kinds; shares: repeated share of every row [n]; measures: further values of
    every row [n], by the name of their mean, such as `training step`. Columns: `group` (ALL_ROWS first, then
    those given), `measure`, `kind` ("" where the measure is not about one), `value`, `low`, `high` (95 %
    bootstrap over the group's rows; NaN for a group of one row), `rows` (size of the group). Measures:

    - `kind share`: share of the group's rows that are of this kind, for every kind of the window, sorted;
    - `mean repeated share`: mean of the repeated share;
    - `highly repeated`: share of rows whose repeated share reaches the HIGH_QUANTILE of all rows. With many
      equal shares this is more than a tenth of all rows: compare with the line of ALL_ROWS.

    The intervals say how much a group of this size varies by the luck of its rows, not by the seed of a
    training. Raises ValueError for an empty group, a group named ALL_ROWS, or values that are not one a row.
    """
    shares = np.asarray(shares, dtype=np.float64)
    if ALL_ROWS in groups or any(len(rows) == 0 for rows in groups.values()):
        raise ValueError(f"groups have at least one row each, and '{ALL_ROWS}' is added by itself")
    further = {name: np.asarray(values, dtype=np.float64) for name, values in (measures or {}).items()}
    if any(values.shape != shares.shape for values in further.values()):
        raise ValueError(f"every measure has one value for each of the {len(shares)} rows")
    lined: list[tuple[str, str, np.ndarray]] = []
    if kinds is not None:
        numbers, names = pd.factorize(np.asarray(kinds), sort=True)
        lined += [("kind share", str(kind), numbers == number) for number, kind in enumerate(names)]
    lined += [("mean repeated share", "", shares)]
    lined += [("highly repeated", "", shares >= np.quantile(shares, HIGH_QUANTILE))]
    lined += [(name, "", values) for name, values in further.items()]
    lines = []
    for group in [ALL_ROWS, *groups]:
        for measure, kind, values in lined:
            taken = values if group == ALL_ROWS else values[groups[group]]
            lines.append((group, measure, kind, *_interval(taken, seed), len(taken)))
    return pd.DataFrame(lines, columns=["group", "measure", "kind", "value", "low", "high", "rows"])


def _interval(values: np.ndarray, seed: int) -> tuple[float, float, float]:
    n = len(values)
    if values.dtype == bool and n > 1:
        # Resampling n yes-or-no values is a binomial draw: the same bootstrap, without the work.
        share = float(values.mean())
        means = np.random.default_rng(seed).binomial(n, share, _DRAWS) / n
        low, high = np.quantile(means, [0.025, 0.975])
        return share, float(low), float(high)
    interval = large_mean_interval(values, draws=_DRAWS, seed=seed)
    if interval.low is None or interval.high is None:
        return interval.mean, float("nan"), float("nan")
    return interval.mean, interval.low, interval.high
