"""Which scored rows to show: the two ends of a ranking, filtered, sorted, and cut into pages.

All of it works on whole columns, so a million rows cost some milliseconds. The one full sort is that of `ranked`,
made once an attribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

SORTS = {
    "score": "score",
    "strength": "strength |score|",
    "step": "training step",
    "repeated": "repeated share",
}
"""The orders of the rows shown, by their name in the URL, in words."""


@dataclass(frozen=True)
class RowQuery:
    """share: of all rows that counts as top, and again as bottom. first, last: training steps, None for no bound.
    kinds: names, () for all. repeated: lowest and highest repeated share."""

    share: float = 0.1
    first: int | None = None
    last: int | None = None
    kinds: tuple[str, ...] = ()
    repeated: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Found:
    """What a query found, as places in the ranking: the matching rows of the top and of the bottom, strongest
    first, of `end` rows each. matches: for every place whether its row passes the filters [n]."""

    top: np.ndarray
    bottom: np.ndarray
    end: int
    matches: np.ndarray

    @property
    def between(self) -> int:
        """Matching rows that belong to neither end."""
        return int(np.count_nonzero(self.matches)) - len(self.top) - len(self.bottom)


def ranked(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns row, score, repeated and (where there are any) step and kind, from the highest score to the lowest.

    frame: by ascending row, which decides among equal scores.
    """
    order = np.argsort(-frame["score"].to_numpy(), kind="stable")
    names = [name for name in ("row", "step", "score", "repeated", "kind") if name in frame]
    ranking = frame[names].take(order).reset_index(drop=True)
    return ranking.astype({name: np.int32 for name in ("row", "step") if name in ranking})


def end_size(rows: int, share: float) -> int:
    """Rows of each end of a ranking: as many as a removal of this share takes, and never more than half."""
    return max(1, min(rows // 2, round(share * rows)))


def select(ranking: pd.DataFrame, query: RowQuery, holding: np.ndarray | None = None) -> Found:
    """The rows of both ends that match.

    ranking: as `ranked` gives it. holding: ascending numbers of the rows that pass a search, None without one.
    Kinds that the ranking does not have match nothing; bounds of steps count where rows have steps.
    """
    matches = np.ones(len(ranking), dtype=bool)
    repeated = ranking["repeated"].to_numpy()
    if query.first is not None and "step" in ranking:
        matches &= ranking["step"].to_numpy() >= query.first
    if query.last is not None and "step" in ranking:
        matches &= ranking["step"].to_numpy() <= query.last
    if query.repeated[0] > 0:
        matches &= repeated >= query.repeated[0]
    if query.repeated[1] < 1:
        matches &= repeated <= query.repeated[1]
    if query.kinds:
        matches &= _of_kinds(ranking, query.kinds)
    if holding is not None:
        matches &= _among(ranking["row"].to_numpy(), holding)
    rows = len(ranking)
    end = end_size(rows, query.share)
    bottom_starts = max(end, rows - end)  # a single row is the top and leaves no bottom
    return Found(
        top=np.flatnonzero(matches[:end]),
        bottom=rows - 1 - np.flatnonzero(matches[bottom_starts:][::-1]),
        end=end,
        matches=matches,
    )


def pages(found: Found, sort: str, size: int) -> int:
    """Pages of `size` rows a side; at least one."""
    longest = max(len(found.top), len(found.bottom))
    if sort == "strength":
        longest = -(-(len(found.top) + len(found.bottom)) // 2)
    return max(1, -(-longest // size))


def page(
    ranking: pd.DataFrame, found: Found, sort: str, number: int, size: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of one page (from 1) of the top and of the bottom: the ranking's columns, and `rank` from that end.

    "score": strongest first. "strength": the 2 * size rows of the largest |score| at either end, each at its own.
    "step": earliest first. "repeated": most repeated first. Equal rows keep the order of the ranking.
    """
    start, stop = (number - 1) * size, number * size
    if sort == "strength":
        both = np.concatenate([found.top, found.bottom])
        shown = both[_smallest(-np.abs(ranking["score"].to_numpy()[both]), 2 * start, 2 * stop)]
        of_top = shown < found.end
        return _told(ranking, shown[of_top], True), _told(ranking, shown[~of_top], False)
    sides = []
    for places, top in ((found.top, True), (found.bottom, False)):
        if sort == "step":
            shown = places[_smallest(ranking["step"].to_numpy()[places], start, stop)]
        elif sort == "repeated":
            shown = places[_smallest(-ranking["repeated"].to_numpy()[places], start, stop)]
        else:
            shown = places[start:stop]
        sides.append(_told(ranking, shown, top))
    return sides[0], sides[1]


def _told(ranking: pd.DataFrame, places: np.ndarray, top: bool) -> pd.DataFrame:
    rank = places + 1 if top else len(ranking) - places
    return ranking.take(places).assign(rank=rank)


def _of_kinds(ranking: pd.DataFrame, kinds: tuple[str, ...]) -> np.ndarray:
    if "kind" not in ranking:
        return np.zeros(len(ranking), dtype=bool)
    wanted = np.append(np.isin(ranking["kind"].cat.categories, kinds), False)  # the last is that of no kind: -1
    return wanted[ranking["kind"].cat.codes.to_numpy()]


def _among(rows: np.ndarray, holding: np.ndarray) -> np.ndarray:
    """Which of `rows` [n], any order, are among `holding`; by a table, as rows lie close together."""
    first, last = int(rows.min()), int(rows.max())
    table = np.zeros(last - first + 1, dtype=bool)
    table[holding[(holding >= first) & (holding <= last)] - first] = True
    return table[rows - first]


def _smallest(keys: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Places of the keys that a stable sort puts at [start, stop), sorting only those up to there."""
    if stop >= len(keys):
        return np.argsort(keys, kind="stable")[start:stop]
    near = np.flatnonzero(keys <= np.partition(keys, stop - 1)[stop - 1])
    return near[np.argsort(keys[near], kind="stable")][start:stop]
