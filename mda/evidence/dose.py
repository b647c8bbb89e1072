"""Dose and response: how the delay of a head's birth grows with the share of rows that were changed.

A score that finds the rows that matter should do so at every dose: its line is steeper than that of as many rows
chosen without it. A single dose cannot tell a steep line from a lucky draw.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mda.evidence.intervals import mean_interval


def responses(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean delay of every selection at every fraction, with its interval over replicates.

    runs: one line a run of one head score, columns selection, fraction (in (0, 1]), delay (steps; NaN where it is
    undefined: left out), censored. Returns columns selection, fraction, delay, low, high (NaN with fewer than two
    runs), replicates, censored (how many are only bounds), ascending in fraction, selections in the order of
    `runs`.
    """
    lines = []
    known = runs[runs["delay"].notna()]
    for (selection, fraction), group in known.groupby(["selection", "fraction"], sort=False):
        found = mean_interval(group["delay"].to_numpy(np.float64))
        censored = int(group["censored"].sum())
        lines.append((selection, fraction, found.mean, found.low, found.high, found.n, censored))
    columns = ["selection", "fraction", "delay", "low", "high", "replicates", "censored"]
    table = pd.DataFrame(lines, columns=columns).astype({"low": float, "high": float})
    order = {selection: place for place, selection in enumerate(runs["selection"].unique())}
    place = table["selection"].map(order).astype(int)
    return table.assign(place=place).sort_values(["place", "fraction"], ignore_index=True).drop(columns="place")


def slopes(runs: pd.DataFrame) -> pd.DataFrame:
    """Steps of delay for every further per cent of rows, by selection.

    In each replicate (column `replicate`, else as `responses`) least squares through the origin, since nothing
    changed is no delay; then the mean over replicates and its interval. Replicates with fewer than two fractions
    are left out, and so are selections without any other. Returns columns selection, slope, low, high (NaN with
    fewer than two replicates), replicates, censored (how many delays are only bounds, so that the slope is one
    too).
    """
    lines = []
    known = runs[runs["delay"].notna()]
    for selection, mine in known.groupby("selection", sort=False):
        found, censored = [], 0
        for _, run in mine.groupby("replicate"):
            if run["fraction"].nunique() < 2:
                continue
            percent, delay = 100 * run["fraction"].to_numpy(np.float64), run["delay"].to_numpy(np.float64)
            found.append(float(percent @ delay / (percent @ percent)))
            censored += int(run["censored"].sum())
        if found:
            mean = mean_interval(np.array(found))
            lines.append((selection, mean.mean, mean.low, mean.high, mean.n, censored))
    columns = ["selection", "slope", "low", "high", "replicates", "censored"]
    return pd.DataFrame(lines, columns=columns).astype({"low": float, "high": float})
