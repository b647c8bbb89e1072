"""Rows on disk: whole or absent, whatever happened to the files; several processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from publishing import COUNT, LENGTH, REPO, VOCABULARY, Published, tokens

from mda.corpora.preshuffled.kept import KeptRows
from mda.errors import UserError

ROWS = tokens(50)


def filled(folder: Path, rows: np.ndarray) -> KeptRows:
    kept = KeptRows(folder, LENGTH)
    kept.add(rows, ROWS[rows])
    return kept


def test_what_was_added_is_read_by_others(tmp_path):
    kept = filled(tmp_path, np.array([7, 3, 9]))
    kept.add(np.array([3, 4]), ROWS[[3, 4]])
    other = KeptRows(tmp_path, LENGTH)
    for one in (kept, other):
        np.testing.assert_array_equal(one.held(), [3, 4, 7, 9])
        np.testing.assert_array_equal(one.here(np.array([9, 8, 0, 3])), [True, False, False, True])
        found, whole = one.read(np.array([9, 5, 3, 9]))
        np.testing.assert_array_equal(whole, [True, False, True, True])
        np.testing.assert_array_equal(found[whole], ROWS[[9, 3, 9]])
    kept.add(np.array([0]), ROWS[[0]])
    assert other.here(np.array([0])).all()  # added after its first look
    assert (tmp_path / "rows.bin").stat().st_size == 5 * 2 * LENGTH  # row 3 once


def test_nothing_there(tmp_path):
    kept = KeptRows(tmp_path / "absent", LENGTH)
    assert len(kept.held()) == 0
    assert not kept.here(np.array([1, 2])).any()
    assert not kept.read(np.array([1]))[1].any()
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("lost", range(1, 16 + 1))
def test_an_index_cut_at_any_byte_of_its_last_entry(tmp_path, lost):
    filled(tmp_path, np.array([1, 2, 3]))
    index = tmp_path / "rows.idx"
    os.truncate(index, index.stat().st_size - lost)
    _only(tmp_path, [1, 2])


@pytest.mark.parametrize("lost", range(1, 2 * LENGTH + 1))
def test_data_cut_at_any_byte_of_its_last_row(tmp_path, lost):
    filled(tmp_path, np.array([1, 2, 3]))
    data = tmp_path / "rows.bin"
    os.truncate(data, data.stat().st_size - lost)
    _only(tmp_path, [1, 2])


@pytest.mark.parametrize("written", range(2 * LENGTH))
def test_a_writer_killed_in_the_middle_of_a_row(tmp_path, written):
    filled(tmp_path, np.array([1, 2]))
    with open(tmp_path / "rows.bin", "ab") as file:
        file.write(ROWS[3].tobytes()[:written])
    _only(tmp_path, [1, 2])


@pytest.mark.parametrize("written", range(16))
def test_a_writer_killed_in_the_middle_of_an_entry(tmp_path, written):
    filled(tmp_path, np.array([1, 2]))
    with open(tmp_path / "rows.bin", "ab") as file:
        file.write(ROWS[3].tobytes())
    with open(tmp_path / "rows.idx", "ab") as file:
        file.write(b"\x07" * written)
    _only(tmp_path, [1, 2])


def test_zeros_that_a_power_cut_left_are_no_rows(tmp_path):
    filled(tmp_path, np.array([1, 2]))
    with open(tmp_path / "rows.bin", "ab") as file:
        file.write(bytes(2 * 2 * LENGTH))
    with open(tmp_path / "rows.idx", "ab") as file:
        file.write(bytes(2 * 16))
    _only(tmp_path, [1, 2])


def _only(folder: Path, rows: list[int]) -> None:
    """Exactly these rows are there, and rows can be added as if nothing had happened."""
    kept = KeptRows(folder, LENGTH)
    np.testing.assert_array_equal(kept.held(), rows)
    found, whole = kept.read(np.arange(6))
    np.testing.assert_array_equal(np.flatnonzero(whole), rows)
    np.testing.assert_array_equal(found[whole], ROWS[rows])
    kept.add(np.array([3, 5]), ROWS[[3, 5]])
    for one in (kept, KeptRows(folder, LENGTH)):
        np.testing.assert_array_equal(one.held(), [*rows, 3, 5])
        np.testing.assert_array_equal(one.read(np.array([*rows, 3, 5]))[0], ROWS[[*rows, 3, 5]])


def test_a_damaged_row_is_forgotten_and_can_be_added_again(tmp_path):
    kept = filled(tmp_path, np.array([1, 2, 3]))
    for byte in (0, 65):
        data = bytearray((tmp_path / "rows.bin").read_bytes())
        data[2 * LENGTH + byte] ^= 1
        (tmp_path / "rows.bin").write_bytes(data)
        fresh = KeptRows(tmp_path, LENGTH)
        found, whole = fresh.read(np.array([1, 2, 3]))
        np.testing.assert_array_equal(whole, [True, False, True])
        np.testing.assert_array_equal(found[whole], ROWS[[1, 3]])
        np.testing.assert_array_equal(fresh.held(), [1, 3])
        data[2 * LENGTH + byte] ^= 1
        (tmp_path / "rows.bin").write_bytes(data)
    data[2 * LENGTH] ^= 1
    (tmp_path / "rows.bin").write_bytes(data)
    assert not kept.read(np.array([2]))[1].any()
    kept.add(np.array([2]), ROWS[[2]])
    for one in (kept, KeptRows(tmp_path, LENGTH)):
        found, whole = one.read(np.array([2]))
        assert whole.all()
        np.testing.assert_array_equal(found, ROWS[[2]])


def test_an_entry_never_vouches_for_another_row(tmp_path):
    filled(tmp_path, np.array([1, 2]))
    index = np.fromfile(tmp_path / "rows.idx", dtype="<i8").reshape(-1, 2)
    index[0, 0] = 4
    index.tofile(tmp_path / "rows.idx")
    kept = KeptRows(tmp_path, LENGTH)
    assert not kept.read(np.array([4]))[1].any()
    np.testing.assert_array_equal(kept.held(), [2])


def test_a_folder_that_was_deleted_meanwhile(tmp_path):
    kept = filled(tmp_path, np.array([1, 2, 3]))
    for name in ("rows.bin", "rows.idx"):
        (tmp_path / name).unlink()
    assert len(kept.held()) == 0
    assert not kept.read(np.array([1]))[1].any()
    KeptRows(tmp_path, LENGTH).add(np.array([5, 6, 7, 8]), ROWS[[5, 6, 7, 8]])
    np.testing.assert_array_equal(kept.held(), [5, 6, 7, 8])
    np.testing.assert_array_equal(kept.read(np.array([6]))[0], ROWS[[6]])


def test_a_full_disk_keeps_what_was_there(tmp_path, monkeypatch):
    kept = filled(tmp_path, np.array([1, 2]))

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mda.corpora.preshuffled.kept.os.fsync", full)
        with pytest.raises(UserError, match="disk is full"):
            kept.add(np.array([3]), ROWS[[3]])
    _only(tmp_path, [1, 2])


def test_a_million_rows_are_found_fast(tmp_path):
    count = 1_000_000
    entries = np.zeros(count, dtype=[("row", "<i8"), ("checksum", "<u4"), ("mark", "<u4")])
    entries["row"], entries["mark"] = np.random.default_rng(0).permutation(4 * count)[:count], 0x574F5221
    entries.tofile(tmp_path / "rows.idx")
    with open(tmp_path / "rows.bin", "wb") as file:
        file.truncate(count * 4098)  # a hole: its 4 GB are not on the disk, and are not read
    begun = time.monotonic()
    kept = KeptRows(tmp_path, 2049)
    there = kept.here(np.arange(1000))
    seconds = time.monotonic() - begun
    assert there.sum() == np.isin(np.arange(1000), entries["row"]).sum()
    assert seconds < 5  # a quarter of a second where nothing else runs


BOTH = """
import sys
import numpy as np
from mda.corpora.preshuffled.rows import PreshuffledRows
commit, first, stop = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rows = PreshuffledRows("{repo}", commit, {count}, {length}, {vocabulary})
print("ready", flush=True)
sys.stdin.readline()
for start in range(first, stop, 10):
    rows[start : min(start + 25, stop)]
np.save(sys.argv[4], rows[first:stop])
"""


def test_two_processes_at_once(published: Published, tmp_path):
    script = BOTH.format(repo=REPO, count=COUNT, length=LENGTH, vocabulary=VOCABULARY)
    ranges = ((0, 400), (200, 600))
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script, published.commit, str(a), str(b), str(tmp_path / f"{a}.npy")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for a, b in ranges
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    assert [worker.wait(60) for worker in workers] == [0, 0]
    for start, stop in ranges:
        np.testing.assert_array_equal(np.load(tmp_path / f"{start}.npy"), published.tokens[start:stop])
    published.hub.stop()
    rows = published.open()
    np.testing.assert_array_equal(rows.held(), np.arange(600))
    np.testing.assert_array_equal(rows[:600], published.tokens[:600])
    data = next((tmp_path / "cache" / "hub").rglob("rows.bin"))
    assert data.stat().st_size == 600 * 2 * LENGTH  # no row twice, although both wanted 200 to 400
