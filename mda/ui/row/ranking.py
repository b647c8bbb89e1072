"""A row's place in an attribution's ranking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Place:
    """rank: 1 for the row that promotes most, `rows` for the one that suppresses most; score: the row's; above and
    below: the rows one rank up and down, None at the ends."""

    rank: int
    rows: int
    score: float
    above: int | None
    below: int | None


def place_of(scores: pd.DataFrame, row: int) -> Place | None:
    """The place of a row in a table with columns row (ascending) and score; None where it has no score.

    Ties go to the earlier row, as in `Attribution.ranked`. Takes a few passes over the table and no sorting.
    """
    rows, values = scores["row"].to_numpy(), scores["score"].to_numpy()
    at = int(np.searchsorted(rows, row))
    if at == len(rows) or rows[at] != row:
        return None
    mine = values[at]
    higher, lower = values[values > mine], values[values < mine]
    equal = rows[values == mine]
    before, after = equal[equal < row], equal[equal > row]
    # one rank up lies the last of the rows with the next higher score, one down the first with the next lower
    above = before if len(before) or not len(higher) else rows[values == higher.min()]
    below = after if len(after) or not len(lower) else rows[values == lower.max()]
    return Place(
        rank=1 + len(higher) + len(before),
        rows=len(rows),
        score=float(mine),
        above=int(above[-1]) if len(above) else None,
        below=int(below[0]) if len(below) else None,
    )
