"""Rows by number from a hub: the same as the concatenated bytes, with no more requests than needed."""

from __future__ import annotations

import numpy as np
import pytest
from publishing import COUNT, LENGTH, REPO, ROW_BYTES, Published
from tiny_pythia import STANDARD, tiny_pythia

from mda.corpora.preshuffled import index as index_module
from mda.corpora.preshuffled import rows as rows_module
from mda.corpora.preshuffled.rows import PreshuffledRows
from mda.corpora.rows import RemoteRows
from mda.errors import UserError
from mda.hub.client import RepoFile
from mda.hub.preshuffled import HEADER, INDEX, MAGIC, ROW_LENGTH, ROWS_A_STEP, UINT16, VERSION

STEPS = 143_000


def test_describe_and_shape(published: Published):
    assert PreshuffledRows.describe(REPO, published.commit) == (COUNT, LENGTH)
    rows = published.open()
    assert isinstance(rows, RemoteRows)
    assert (rows.shape, len(rows), rows.dtype) == ((COUNT, LENGTH), COUNT, np.uint16)


def test_random_sets_of_rows_are_the_bytes_of_the_file(published: Published):
    draw = np.random.default_rng(0)
    rows = published.open()
    for size in (1, 3, 40, 300):
        numbers = draw.integers(0, COUNT, size)
        np.testing.assert_array_equal(rows[numbers], published.tokens[numbers])
    seen = set(rows.held().tolist())
    np.testing.assert_array_equal(rows[:], published.tokens)
    np.testing.assert_array_equal(published.open()[:], published.tokens)
    np.testing.assert_array_equal(rows.held(), np.arange(COUNT))
    assert seen < set(range(COUNT))


@pytest.mark.parametrize("row", [0, 399, 400, 401, 699, 700, 701, 900, 901, COUNT - 1, -1, -COUNT])
def test_rows_at_borders(published: Published, row: int):
    np.testing.assert_array_equal(published.open()[row], published.tokens[row])


@pytest.mark.parametrize(
    "key",
    [
        slice(395, 405),
        slice(None, 4),
        slice(-3, None),
        slice(10, 2, -3),
        slice(5, 5),
        slice(1190, 5000),
        [3, 1, 1, -1],
        [],
        np.array([[0, 700], [5, 6]]),
        np.int64(7),
        np.array([8], dtype=np.uint8),
    ],
    ids=str,
)
def test_indexing_is_that_of_an_array(published: Published, key):
    found, expected = published.open()[key], published.tokens[key]
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("key", [COUNT, -COUNT - 1, [0, COUNT], [1.5], "3", None, [True, False]], ids=str)
def test_what_is_no_row_is_an_index_error(published: Published, key):
    rows = published.open()
    with pytest.raises(IndexError):
        rows[key]
    assert published.asked() == []


def test_the_whole_is_never_taken_for_an_array(published: Published):
    with pytest.raises(TypeError, match="take the rows that are needed"):
        np.asarray(published.open())
    assert published.asked() == []


def test_one_row_asks_for_its_bytes_alone(published: Published):
    rows = published.open()
    rows[5]
    assert published.asked() == [("document-00000-of-00004.bin", 5 * ROW_BYTES, 6 * ROW_BYTES)]
    rows[700]
    assert sorted(published.asked()[1:]) == [
        ("document-00001-of-00004.bin", 300 * ROW_BYTES - 20, 300 * ROW_BYTES - 18),
        ("document-00002-of-00004.bin", 0, 38),
        ("document-00003-of-00004.bin", 0, 26),
    ]
    # beside them only the listing, and parts of the index: its header, and at most five places twice
    parts = [wanted for method, path, wanted in published.hub.requests if "/storage/" in path and ".idx" in path]
    assert len(parts) <= 12
    assert sum(int(w.partition("-")[2]) - int(w[6:].partition("-")[0]) + 1 for w in parts if w) < 5000


def test_neighbours_come_in_one_request(published: Published):
    rows = published.open()
    rows.fetch(np.r_[10:40, 43, 60, 100:300])
    asked = [(start // ROW_BYTES, stop // ROW_BYTES) for _, start, stop in published.asked()]
    assert sorted(asked) == [(10, 44), (60, 61), (100, 164), (164, 228), (228, 292), (292, 300)]
    # what a gap brought was not asked for
    np.testing.assert_array_equal(rows.held(), np.r_[10:40, 43, 60, 100:300])


def test_kept_rows_are_not_asked_for_again(published: Published):
    told: list[int] = []
    rows = published.open()
    rows[20:30]
    before = len(published.hub.requests)
    again = published.open()
    np.testing.assert_array_equal(again[20:30], published.tokens[20:30])
    again.fetch(np.arange(20, 30))
    assert len(published.hub.requests) == before
    again.fetch(np.arange(18, 32), told.append)
    assert sum(told) == 4
    asked = {(start // ROW_BYTES, stop // ROW_BYTES) for _, start, stop in published.asked()[1:]}
    assert asked == {(18, 20), (30, 32)}
    np.testing.assert_array_equal(again.here(np.array([17, 18, 31, 32])), [False, True, True, False])


def test_what_came_before_a_stop_is_kept(published: Published):
    class Stop(Exception):  # noqa: N818
        pass

    def advance(rows: int) -> None:
        raise Stop

    rows = published.open()
    with pytest.raises(Stop):
        rows.fetch(np.arange(0, COUNT), advance)
    held = rows.held()
    assert 64 <= len(held) < COUNT
    before = len(published.asked())
    np.testing.assert_array_equal(published.open()[held], published.tokens[held])
    assert len(published.asked()) == before


def test_the_tiny_pythia_with_rows_across_shards(hub, tmp_path, monkeypatch):
    tiny = tiny_pythia(hub)
    commit = tiny.data_shas[STANDARD]
    count, length = PreshuffledRows.describe(STANDARD, commit)
    assert (count, length) == tiny.rows_standard.shape
    rows = PreshuffledRows(STANDARD, commit, count, length)
    numbers = np.r_[0:5, count // 3 - 2 : count // 3 + 3, 2 * count // 3 - 2 : 2 * count // 3 + 3, count - 1]
    np.testing.assert_array_equal(rows[numbers], tiny.rows_standard[numbers])


def test_the_size_of_the_real_data(monkeypatch, tmp_path):
    """146,432,000 rows of 2049 ids in shards of 30 GB: the arithmetic, on files that are only pretended."""
    rows, length, size = STEPS * ROWS_A_STEP, ROW_LENGTH, 30 * 10**9
    total = rows * length * 2
    names = [f"document-{number:05d}-of-00020.bin" for number in range(21)]
    whole = {name: min(size, total - number * size) for number, name in enumerate(names)}
    parts: list[tuple[str, int, int]] = []

    def read_range(repo: str, kind: str, sha: str, name: str, start: int, stop: int) -> bytes:
        if name == INDEX and start == 0:
            return HEADER.pack(MAGIC, VERSION, UINT16, rows, rows + 1)
        if name == INDEX and start < 34 + 4 * rows:
            return np.full((stop - start) // 4, length, dtype="<i4").tobytes()
        if name == INDEX:
            first = (start - 34 - 4 * rows) // 8
            return (np.arange(first, first + (stop - start) // 8, dtype="<i8") * 2 * length).tobytes()
        assert 0 <= start < stop <= whole[name]
        parts.append((name, start, stop))
        # every id says in which half megabyte of the whole it lies
        place = names.index(name) * size + np.arange(start, stop)
        return (place // 2**19 % 251).astype(np.uint8).tobytes()

    monkeypatch.setenv("MDA_CACHE", str(tmp_path))
    listed = {name: RepoFile(name, bytes_, None) for name, bytes_ in whole.items()}
    listed[INDEX] = RepoFile(INDEX, None, None)
    monkeypatch.setattr(index_module, "files", lambda *_: listed)
    monkeypatch.setattr(index_module, "file_size", lambda *_: 34 + 12 * rows + 8 * (rows + 1))
    monkeypatch.setattr(index_module, "read_range", read_range)
    monkeypatch.setattr(rows_module, "read_range", read_range)
    assert PreshuffledRows.describe(REPO, "a" * 40) == (146_432_000, 2049)
    reader = PreshuffledRows(REPO, "a" * 40, rows, length)
    straddling = size // (2 * length)
    for row in (0, straddling - 1, straddling, straddling + 1, rows - 1):
        expected = ((row * 2 * length + np.arange(2 * length)) // 2**19 % 251).astype(np.uint8)
        np.testing.assert_array_equal(reader[row], expected.view("<u2"))
    assert len(parts) == 6
    assert max(stop - start for _, start, stop in parts) == 4098


def test_another_size_than_the_study_says(published: Published):
    rows = PreshuffledRows(REPO, published.commit, COUNT + 1, LENGTH)
    with pytest.raises(UserError, match=r"has 1,200 rows of 33 ids and not 1,201"):
        rows[0]
    assert published.asked() == []
