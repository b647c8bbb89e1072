"""Everything that can go wrong between the hub and a row: one sentence, and nothing wrong is kept."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
from publishing import COUNT, CUTS, LENGTH, REPO, VOCABULARY, Published, files, index, shards, tokens

from mda.corpora.preshuffled import rows as rows_module
from mda.corpora.preshuffled.index import find_layout
from mda.corpora.preshuffled.rows import PreshuffledRows
from mda.errors import UserError
from mda.hub.client import Changed, HubError, NotThere, Offline

FOREVER = 1000


def refused(rows: PreshuffledRows, numbers: np.ndarray, kind: type[UserError] = HubError) -> str:
    """The sentence of a fetch that fails."""
    with pytest.raises(kind) as caught:
        rows[numbers]
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("kind", "path", "error", "cause"),
    [
        ("404", "/resolve/", NotThere, "has no file document-00000-of-00004.bin"),
        ("429", "/resolve/", HubError, "asks for a pause"),
        ("500", "/resolve/", HubError, "is in trouble"),
        ("changed", "/resolve/", Changed, "commit ffffffffffff"),
        ("cut", ".bin", HubError, "breaks off"),
        ("wrong length", ".bin", Changed, "65 of 66 bytes"),
        ("garbage", ".bin", Changed, "came with token id"),
    ],
)
def test_faults_that_stay(published: Published, kind, path, error, cause):
    find_layout(REPO, published.commit)
    rows = published.open(VOCABULARY)
    rows[7]
    published.hub.fail(kind, path, FOREVER)
    sentence = refused(rows, np.array([5]), error)
    assert sentence.startswith(f"Row 5 of {REPO} is not on this machine and cannot be fetched: ")
    assert cause in sentence
    np.testing.assert_array_equal(rows.held(), [7])
    np.testing.assert_array_equal(rows[7], published.tokens[7])
    published.hub.faults.clear()
    np.testing.assert_array_equal(rows[3:9], published.tokens[3:9])


@pytest.mark.parametrize(
    ("kind", "path"), [("429", "/resolve/"), ("500", "/resolve/"), ("slow", "/resolve/"), ("cut", ".bin")]
)
def test_faults_that_pass(published: Published, kind, path):
    published.hub.fail(kind, path, 2, seconds=0.05)
    np.testing.assert_array_equal(published.open()[395:405], published.tokens[395:405])


def test_a_fault_amid_many_requests_keeps_the_rest(published: Published):
    find_layout(REPO, published.commit)
    published.hub.fail("404", "document-00003-of-00004.bin", FOREVER)  # rows 701 to 900 and more
    rows = published.open()
    sentence = refused(rows, np.arange(COUNT), NotThere)
    held = rows.held()
    lacking = np.setdiff1d(np.arange(COUNT), held)
    assert len(held) >= 700 - 64
    assert set(range(701, 901)) <= set(lacking.tolist())
    first = ", ".join(map(str, lacking[:3]))
    assert sentence.startswith(f"Rows {first} and {len(lacking) - 3:,} others of {REPO} are not on this machine")
    np.testing.assert_array_equal(rows[held], published.tokens[held])


@pytest.mark.parametrize("how", ["stopped", "forbidden"])
def test_kept_rows_work_without_a_network_and_the_rest_is_named(published: Published, monkeypatch, how):
    published.open()[10:20]
    if how == "stopped":
        published.hub.stop()
    else:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    rows = published.open()
    np.testing.assert_array_equal(rows[10:20], published.tokens[10:20])
    assert PreshuffledRows.describe(REPO, published.commit) == (COUNT, LENGTH)
    sentence = refused(rows, np.array([12, 30, 31]), Offline)
    assert sentence.startswith(f"Rows 30 and 31 of {REPO} are not on this machine and cannot be fetched: ")
    assert ("cannot be reached" if how == "stopped" else "unset it to download") in sentence
    assert list(rows.here(np.array([9, 10, 19, 20]))) == [False, True, True, False]


def test_nothing_is_known_without_a_network(published: Published):
    published.hub.stop()
    with pytest.raises(Offline, match="cannot be reached"):
        PreshuffledRows.describe(REPO, published.commit)


def test_ids_outside_the_vocabulary_are_never_kept(published: Published):
    rows = PreshuffledRows(REPO, published.commit, COUNT, LENGTH, 200)
    assert "and the model has 200" in refused(rows, np.arange(5), Changed)
    assert len(rows.held()) == 0


def test_damage_on_the_disk_is_mended_from_the_hub_and_named_without(published: Published, tmp_path):
    published.open()[10:20]
    data = next((tmp_path / "cache" / "hub").rglob("rows.bin"))
    content = bytearray(data.read_bytes())
    content[2 * LENGTH * 3 + 5] ^= 4
    data.write_bytes(content)
    published.hub.stop()
    assert "Row 13 of" in refused(published.open(), np.arange(10, 20), Offline)
    published.hub.start()
    rows = published.open()
    np.testing.assert_array_equal(rows[10:20], published.tokens[10:20])
    published.hub.stop()
    np.testing.assert_array_equal(published.open()[10:20], published.tokens[10:20])


def test_a_cache_that_is_open_for_reading_only(published: Published, monkeypatch):
    published.open()[10]
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    before = len(published.hub.requests)
    np.testing.assert_array_equal(published.open()[10], published.tokens[10])
    assert "MDA_READ_ONLY" in refused(published.open(), np.array([11]), UserError)
    assert len(published.hub.requests) == before


def test_a_disk_that_is_nearly_full(published: Published, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(rows_module.shutil, "disk_usage", lambda path: usage(10**9, 9 * 10**8, 10**8))
    assert "0.10 GB free" in refused(published.open(), np.array([1]), UserError)
    assert published.asked() == []


def test_a_layout_that_was_damaged_is_read_again(published: Published, tmp_path):
    find_layout(REPO, published.commit)
    path = next((tmp_path / "cache" / "hub").rglob("layout.json"))
    path.write_text('{"rows": 3')
    assert find_layout(REPO, published.commit).rows == COUNT


def changed(**changes: bytes | None) -> dict[str, bytes]:
    """The files with some replaced, or left out where None."""
    found: dict[str, bytes | None] = {**files()}
    for name, content in changes.items():
        *words, ending = name.split("_")
        found[f"{'-'.join(words)}.{ending}"] = content
    return {name: content for name, content in found.items() if content is not None}


def sizes(**at: int) -> np.ndarray:
    found = np.full(COUNT, LENGTH)
    for place, size in at.items():
        found[int(place[1:])] = size
    return found


def pointers(places: list[int]) -> bytes:
    """The index with pointers that are off by two bytes at these rows."""
    content = bytearray(index(sizes()))
    for place in places:
        content[34 + 4 * COUNT + 8 * place] ^= 2
    return bytes(content)


BAD = {
    "no index": (changed(document_idx=None), "it has no document.idx"),
    "no shards": ({"document.idx": index(sizes())}, "no shards named as"),
    "a shard lacks": (changed(document_00002_of_00004_bin=None), "its shards are document-00000-of-00004.bin, "),
    "the last shard lacks": (
        changed(document_00004_of_00004_bin=None),
        "its 4 shards hold 59,466 bytes",
    ),
    "a shard is short": (
        changed(document_00002_of_00004_bin=b"123"),
        "1,200 rows of 33 ids need 79,200",
    ),
    "a shard is long": (changed(document_00002_of_00004_bin=b"1" * 39), "hold 79,201 bytes"),
    "two sets of shards": (
        {**changed(), "document-00005-of-00009.bin": b"12"},
        "its shards are document-00000-of-00004.bin",
    ),
    "empty index": (changed(document_idx=b""), "its index has 0 bytes"),
    "short index": (changed(document_idx=index(sizes())[:33]), "fewer than a header"),
    "cut index": (changed(document_idx=index(sizes())[:-1]), "does not fit 1,200 rows and 2 documents"),
    "magic": (changed(document_idx=index(sizes(), magic=b"TNTIDX\0\0\0")), "begins with b'TNTIDX"),
    "version": (changed(document_idx=index(sizes(), version=2)), "version 2"),
    "int32": (changed(document_idx=index(sizes(), kind=4)), "of type 4 and not 8"),
    "no rows": (changed(document_idx=index(sizes()[:0])), "0 rows"),
    "other lengths": (changed(document_idx=index(sizes(r3=20))), "33 and 20 ids"),
    "other length at the end": (changed(document_idx=index(sizes(r1199=20))), "33 and 20 ids"),
    "other lengths between": (changed(document_idx=index(sizes(r100=20, r200=46))), None),
    "sizes that do not add up": (changed(document_idx=index(sizes(r100=20))), "do not lie side by side"),
    "pointers": (changed(document_idx=pointers([1199])), "rows from 1,136 on do not lie side by side"),
    "one id a row": (changed(document_idx=index(np.full(COUNT, 1))), "its first row has 1 ids"),
    "twice as long": (changed(document_idx=index(np.full(COUNT, 2 * LENGTH))), "need 158,400"),
}


@pytest.mark.parametrize("case", BAD)
def test_other_layouts_are_refused(hub, tmp_path, case):
    content, found = BAD[case]
    commit = hub.add_repo("dataset", REPO, {"main": content})["main"]
    if found is None:  # lengths that vary where nobody looks and make up for each other are not seen
        assert PreshuffledRows.describe(REPO, commit) == (COUNT, LENGTH)
        return
    with pytest.raises(UserError, match="is not laid out as Pythia's preshuffled data should be") as caught:
        PreshuffledRows.describe(REPO, commit)
    assert found in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").rglob("layout.json"))


def test_names_that_count_the_shards(hub):
    content = {name.replace("of-00004", "of-00005"): part for name, part in files().items()}
    commit = hub.add_repo("dataset", REPO, {"main": content})["main"]
    rows = PreshuffledRows(REPO, commit, *PreshuffledRows.describe(REPO, commit))
    np.testing.assert_array_equal(rows[398:403], tokens()[398:403])


def test_one_shard(hub):
    content = {**shards(tokens().tobytes(), ()), "document.idx": index(sizes())}
    commit = hub.add_repo("dataset", REPO, {"main": content})["main"]
    assert PreshuffledRows.describe(REPO, commit) == (COUNT, LENGTH)


def test_a_repository_that_is_closed(published: Published):
    published.hub.gated.add(REPO)
    assert "is gated" in refused(published.open(), np.array([1]), NotThere)
    published.hub.gated.clear()
    published.hub.private.add(REPO)
    assert "it is private" in refused(published.open(), np.array([1]), NotThere)


def test_two_commits_are_kept_apart(published: Published):
    published.open()[5]
    other = tokens()[::-1].copy()
    content = {**files(), **shards(other.tobytes(), CUTS)}
    commit = published.hub.add_repo("dataset", REPO, {"main": content})["main"]
    assert commit != published.commit
    np.testing.assert_array_equal(PreshuffledRows(REPO, commit, COUNT, LENGTH)[5], other[5])
    np.testing.assert_array_equal(published.open()[5], published.tokens[5])


def test_a_cache_that_may_not_be_written(published: Published, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert "cannot write to" in refused(published.open(), np.array([1]), UserError)
