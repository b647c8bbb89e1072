"""The rows that the page of influence shows, against loops over lists."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mda.ui.influence.query import SORTS, RowQuery, end_size, page, pages, ranked, select

KINDS = ["prose", "code", "table"]


def made(rows: int, seed: int, kinds: bool = True) -> pd.DataFrame:
    """A table of scores with many equal values in every column, rows 500, 501, …"""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"row": 500 + np.arange(rows), "step": 40 + np.arange(rows) // 4})
    frame["score"] = np.round(rng.normal(size=rows), 1)
    frame["repeated"] = rng.integers(0, 6, rows) / 5
    if kinds:
        frame["kind"] = pd.Categorical.from_codes(rng.integers(0, len(KINDS), rows), pd.Index(KINDS))
    return frame


def slow(frame: pd.DataFrame, query: RowQuery, holding: set[int] | None, sort: str) -> tuple[list, list]:
    """Both sides in full as (row, rank): the definition, one row at a time."""
    order = sorted(frame.to_dict("records"), key=lambda line: (-line["score"], line["row"]))
    end = end_size(len(order), query.share)
    sides: tuple[list, list] = ([], [])
    for place, line in enumerate(order):
        if query.first is not None and line["step"] < query.first:
            continue
        if query.last is not None and line["step"] > query.last:
            continue
        if query.kinds and line.get("kind") not in query.kinds:
            continue
        if not query.repeated[0] <= line["repeated"] <= query.repeated[1]:
            continue
        if holding is not None and line["row"] not in holding:
            continue
        if place < end:
            sides[0].append((line, place + 1))
        elif place >= len(order) - end:
            sides[1].append((line, len(order) - place))
    sides[1].reverse()
    keys = {
        "score": lambda pair: 0,
        "step": lambda pair: pair[0]["step"],
        "repeated": lambda pair: -pair[0]["repeated"],
        "strength": lambda pair: -abs(pair[0]["score"]),
    }
    for side in sides:
        side.sort(key=keys[sort])
    return tuple([(line["row"], rank) for line, rank in side] for side in sides)  # type: ignore[return-value]


QUERIES: tuple[tuple[RowQuery, set[int] | None], ...] = (
    (RowQuery(), None),
    (RowQuery(share=0.5), None),
    (RowQuery(share=0.3, first=45, last=60), None),
    (RowQuery(share=0.4, kinds=("code", "table"), repeated=(0.2, 0.8)), None),
    (RowQuery(share=0.4, last=50), {3, *range(500, 700, 3), 9_000_000}),
    (RowQuery(share=0.4, repeated=(0.4, 1.0)), set()),
    (RowQuery(share=0.2, kinds=("no such",)), None),
    (RowQuery(share=0.5, first=10_000), None),
)


@pytest.mark.parametrize(("query", "holding"), QUERIES)
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("seed", [0, 1])
def test_pages_are_those_of_a_loop(query: RowQuery, holding: set[int] | None, sort: str, seed: int) -> None:
    frame = made(163, seed)
    ranking = ranked(frame)
    found = select(ranking, query, None if holding is None else np.array(sorted(holding), dtype=np.int64))
    size = 7
    shown: tuple[list, list] = ([], [])
    for number in range(1, pages(found, sort, size) + 1):
        for side, rows in zip(shown, page(ranking, found, sort, number, size), strict=True):
            side += list(zip(rows["row"].tolist(), rows["rank"].tolist(), strict=True))
    assert shown == slow(frame, query, holding, sort)
    rest = pages(found, sort, size) + 1
    assert all(part.empty for part in page(ranking, found, sort, rest, size))


def test_strength_deals_each_page_to_the_sides() -> None:
    frame = pd.DataFrame({"row": range(10), "step": 0, "repeated": 0.0})
    frame["score"] = [9.0, 8.0, 7.0, 6.0, 5.0, -5.5, -0.1, -0.2, -0.3, -0.4]
    ranking = ranked(frame)
    found = select(ranking, RowQuery(share=0.5))
    top, bottom = page(ranking, found, "strength", 1, 3)
    assert top["row"].tolist() == [0, 1, 2, 3, 4]
    assert bottom["row"].tolist() == [5]
    assert pages(found, "strength", 3) == 2


def test_matches_between_the_ends_are_counted() -> None:
    frame = made(200, 3)
    found = select(ranked(frame), RowQuery(share=0.1, kinds=("prose",)))
    assert found.end == 20
    assert len(found.top) + len(found.bottom) + found.between == int((frame["kind"] == "prose").sum())


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_ends_of_few_rows_never_overlap(rows: int) -> None:
    found = select(ranked(made(rows, 0, kinds=False)), RowQuery(share=0.5))
    assert not set(found.top) & set(found.bottom)
    assert len(found.top) == 1
    assert found.between == rows - len(found.top) - len(found.bottom)


def test_a_study_without_kinds_matches_no_kind() -> None:
    found = select(ranked(made(40, 0, kinds=False)), RowQuery(kinds=("code",)))
    assert not found.matches.any()


def test_the_table_stays_as_it_was() -> None:
    frame = made(60, 0)
    before = frame.copy()
    ranking = ranked(frame)
    kept = ranking.copy()
    found = select(ranking, RowQuery(share=0.5, repeated=(0.2, 0.9)), np.array([501, 502]))
    shown, _ = page(ranking, found, "step", 1, 5)
    shown["score"] = 0.0
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(ranking, kept)
