"""Shards: their size changes no number, and what an interrupted attribution finished is used and not redone."""

from __future__ import annotations

import shutil
import threading
import time

import numpy as np
import pandas as pd
import pytest

from mda.influence.score import Scorer
from mda.progress import Cancelled, Progress
from mda.studies.attributions import find_attribution
from mda.workflows import attribute as work
from mda.workflows.attribute import attribute
from mda.workflows.attribution_task import AttributeRequest
from mda.workflows.pace import Rates
from mda.workflows.read_ahead import read_ahead

REQUEST = AttributeRequest(
    study="tiny", steps=(10, 20), head="L1H1", through="all", fit_rows=16, probe_sequences=32, sample=70
)
BATCH = 8


CHECKED = 3 * BATCH


@pytest.fixture(autouse=True)
def batches(monkeypatch):
    monkeypatch.setattr("mda.influence.at_once.MOST", BATCH)
    for module in ("attribution_task", "pace"):
        monkeypatch.setattr(f"mda.workflows.{module}.RELIABILITY_ROWS", CHECKED)


_uninterrupted: list[pd.DataFrame] = []


@pytest.fixture
def whole(study):
    """The table of an attribution that nothing interrupted, which is put away; made once."""
    if not _uninterrupted:
        found = find_attribution(attribute(REQUEST, Progress())["id"])
        _uninterrupted.append(found.scores())
        shutil.rmtree(found.folder)
    return _uninterrupted[0]


class Counts(Progress):
    """Counts rows, and stops when so many have passed."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.rows, self.stop_at = 0, stop_at

    def advance(self, pieces: int = 1) -> None:
        self.rows += pieces
        if self.stop_at is not None and self.rows > self.stop_at:
            raise Cancelled
        super().advance(pieces)


def again(progress: Progress) -> pd.DataFrame:
    return find_attribution(attribute(REQUEST, progress)["id"]).scores()


@pytest.mark.parametrize("rows", [1, 3 * BATCH])
def test_the_size_of_shards_changes_no_bit(whole, monkeypatch, rows):
    monkeypatch.setattr(work, "SHARD_ROWS", rows)
    pd.testing.assert_frame_equal(again(Progress()), whole, check_exact=True)


ONE_FIT = 2 * 16  # rows that pass before the first is scored: two passes of both fits together
ALL = 2 * (ONE_FIT + 70)


def kept_rows(study):
    (folder,) = (study.folder.parent / "attributions").glob("*.partial")
    return sum(len(pd.read_parquet(path)) for path in folder.glob("part-*"))


@pytest.mark.parametrize(
    ("stop_at", "kept"),
    [
        (ONE_FIT + BATCH, 0),  # in the middle of the first shard
        (ONE_FIT + 2 * BATCH, 2 * BATCH),
        (ONE_FIT + CHECKED + BATCH, CHECKED),  # the reliability sample and a half of the next shard
        (ONE_FIT + 69, CHECKED + 4 * BATCH),
        (ONE_FIT + 70, 70),
        (2 * ONE_FIT + 70 + 5 * BATCH, 70 + CHECKED + 2 * BATCH),
    ],
)
@pytest.mark.parametrize("then", [1, 3 * BATCH])
def test_stopped_in_the_middle_of_a_shard_and_resumed_with_others(whole, study, monkeypatch, stop_at, kept, then):
    monkeypatch.setattr(work, "SHARD_ROWS", 2 * BATCH)
    with pytest.raises(Cancelled):
        attribute(REQUEST, Counts(stop_at))
    assert kept_rows(study) == kept
    monkeypatch.setattr(work, "SHARD_ROWS", then)
    resumed = Counts()
    pd.testing.assert_frame_equal(again(resumed), whole, check_exact=True)
    solved = 1 if stop_at <= ONE_FIT + 70 else 2
    assert resumed.rows == ALL - solved * ONE_FIT - kept
    assert resumed.done == resumed.total == ALL


@pytest.mark.parametrize("stop_at", [0, BATCH, 3 * BATCH, ONE_FIT, ONE_FIT + 70 + 2 * BATCH])
@pytest.mark.parametrize("format", ["float32", "bfloat16"])
def test_stopped_in_the_middle_of_a_fit(whole, study, monkeypatch, stop_at, format):
    """Every batch of the fit is kept here, as every minute's are where rows are slow."""
    request = REQUEST.model_copy(update={"dtype": format})
    expected = whole if format == "float32" else find_attribution(attribute(request, Progress())["id"]).scores()
    if format == "bfloat16":
        shutil.rmtree(study.folder.parent / "attributions")
        stop_at += CHECKED * (stop_at > ONE_FIT)  # rows that pass in both formats
    monkeypatch.setattr(work, "SHARD_SECONDS", 0.0)
    with pytest.raises(Cancelled):
        attribute(request, Counts(stop_at))
    resumed = Counts()
    found = find_attribution(attribute(request, resumed)["id"])
    pd.testing.assert_frame_equal(found.scores(), expected, check_exact=True)
    assert resumed.rows == ALL + 2 * CHECKED * (format == "bfloat16") - stop_at
    assert resumed.done == resumed.total
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "directions-step10.safetensors", "directions-step20.safetensors", "manifest.json", "scores.parquet",
    ]  # fmt: skip


def test_parts_of_an_earlier_version_are_not_taken_for_these(whole, study, monkeypatch):
    """Their names told which rows they began and ended with, and nothing those between."""
    with pytest.raises(Cancelled):
        attribute(REQUEST, Counts(ONE_FIT + BATCH))
    (folder,) = (study.folder.parent / "attributions").glob("*.partial")
    first, last = whole["row"].iloc[[0, -1]]
    pd.DataFrame({"L1H1": np.zeros(70)}).to_parquet(folder / f"part-10-{first}-{last}.parquet")
    pd.testing.assert_frame_equal(again(Progress()), whole, check_exact=True)
    assert not list(folder.with_suffix("").glob("part-*"))


def test_a_shard_is_about_a_minutes_rows(study, monkeypatch):
    """By the pace that the estimate measured: a slow row makes small shards, which an interruption loses."""
    sizes = []

    def written(folder, step, frame):
        sizes.append(len(frame))

    monkeypatch.setattr(work, "write_part", written)
    monkeypatch.setattr(work, "joined", None)
    measured = work.estimated

    def slow(task, model, load, tick):
        found = measured(task, model, load, tick)
        return found.model_copy(update={"rates": Rates(**found.rates.model_dump() | {"score_row": 2.5})})

    monkeypatch.setattr(work, "estimated", slow)
    with pytest.raises(TypeError):  # there is nothing to join
        attribute(REQUEST, Progress())
    assert sizes == [24, 24, 22] * 2  # 60 s of 2.5 s a row, in whole batches of 8; first the reliability sample


def test_pieces_come_in_order_and_one_ahead():
    begun, here = [], threading.current_thread()

    def read(piece):
        assert threading.current_thread() is not here
        begun.append(piece)
        return piece * 10

    for number, (piece, value) in enumerate(read_ahead([1, 2, 3, 4], read), start=1):
        assert (piece, value) == (number, 10 * number)
        time.sleep(0.02)
        assert begun == [1, 2, 3, 4][: number + 1]
    assert list(read_ahead([], read)) == []


def test_an_error_comes_at_its_own_piece():
    def read(piece):
        if piece == 3:
            raise OSError("no network")
        return piece

    pieces = read_ahead([1, 2, 3, 4], read)
    assert [next(pieces), next(pieces)] == [(1, 1), (2, 2)]
    with pytest.raises(OSError, match="no network"):
        next(pieces)


def test_who_waits_is_asked_whether_to_go_on(monkeypatch):
    monkeypatch.setattr("mda.workflows.read_ahead.LOOK_SECONDS", 0.01)
    asked, never = [], threading.Event()

    def waiting():
        asked.append(1)
        if len(asked) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        next(read_ahead([1], lambda piece: never.wait(10), waiting))
    never.set()


def test_scores_do_not_depend_on_how_many_rows_pass_at_once(whole, monkeypatch):
    """Up to rounding: products of other shapes are added up in another order."""
    monkeypatch.setattr("mda.influence.at_once.MOST", 3)
    rows = []
    real = Scorer.rows
    monkeypatch.setattr(Scorer, "rows", lambda self, tokens: rows.append(len(tokens)) or real(self, tokens))
    table = again(Progress())
    assert max(rows) == 3
    np.testing.assert_allclose(table["score"], whole["score"], rtol=1e-3, atol=1e-5 * whole["score"].abs().max())
