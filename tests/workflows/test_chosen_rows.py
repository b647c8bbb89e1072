"""Rows by range, sample or step: the same scores as in a run over all rows, and refusals where none is meant."""

from __future__ import annotations

import json
import shutil
import threading
from functools import cached_property

import numpy as np
import pandas as pd
import pytest

from mda.errors import UserError
from mda.progress import Progress
from mda.studies.attributions import find_attribution
from mda.studies.study import Study
from mda.ui.frame.cached import scores
from mda.workflows import attribute as work
from mda.workflows.attribute import attribute
from mda.workflows.attribution_task import AttributeRequest, AttributionTask

FIT = np.arange(3, 80, 5)
ASKED = {"study": "tiny", "steps": (20,), "head": "L1H1", "through": "all", "fit_rows": 16, "probe_sequences": 32}


@pytest.fixture
def same_fit(monkeypatch):
    """Every attribution fits its curvature on the same rows, whatever it scores."""
    monkeypatch.setattr(AttributionTask, "fit_rows", FIT)


def made(**options):
    """The attribution that is made, and its table of scores."""
    found = find_attribution(attribute(AttributeRequest(**ASKED | options), Progress())["id"])
    return found, found.scores()


@pytest.mark.usefixtures("same_fit")
@pytest.mark.parametrize(
    ("choice", "rows"),
    [
        ({"per_step": 1}, range(0, 80, 4)),
        ({"per_step": 3}, [row for row in range(80) if row % 4 < 3]),
        ({"per_step": 4}, range(80)),
        ({"rows": (30, 70), "per_step": 2}, [row for row in range(30, 70) if row % 4 < 2]),
        ({"sample": 13}, None),
        ({"rows": (30, 70), "sample": 40}, range(30, 70)),
        ({"sample": 13, "seed": 5}, None),
    ],
)
def test_scores_are_those_of_a_run_over_all_rows(study, choice, rows):
    whole, table = made(seed=choice.get("seed", 0))
    found, some = made(**choice)
    assert found.id != whole.id
    numbers = some["row"].to_numpy()
    if rows is not None:
        assert list(numbers) == list(rows)
    else:
        assert len(numbers) == 13
        assert (np.diff(numbers) > 0).all()
    expected = table.set_index("row").loc[numbers].reset_index()
    assert list(some) == list(table)
    exact = ["row", "step", "repeated", "kind"]
    pd.testing.assert_frame_equal(some[exact], expected[exact])
    numeric = [name for name in table if name not in exact]
    largest = table["score"].abs().max()
    np.testing.assert_allclose(some[numeric], expected[numeric], rtol=1e-4, atol=1e-6 * largest)
    assert list(found.row_numbers) == list(numbers)
    assert found.covers(np.arange(80)).sum() == len(numbers)


def test_samples_of_other_seeds_differ(study):
    rows = [tuple(AttributionTask(AttributeRequest(**ASKED, sample=13, seed=seed)).rows) for seed in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]


def test_repeated_share_and_kind_are_measured_by_the_job(study, monkeypatch):
    found, table = made()
    rows = table["row"].to_numpy()
    assert table["repeated"].dtype == np.float32
    np.testing.assert_array_equal(table["repeated"], study.shares(rows).astype(np.float32))
    assert list(table["kind"]) == study.kind_names(rows)
    assert list(table["kind"].cat.categories) == study.kinds
    # and then nothing else is read: a page needs no row of a study whose rows lie elsewhere
    monkeypatch.setattr(Study, "shares", None)
    monkeypatch.setattr(Study, "kind_codes", None)
    shown = scores(found)
    pd.testing.assert_frame_equal(shown[list(table)], table)


def test_tables_of_earlier_versions_are_completed(study):
    found, table = made()
    old = table.drop(columns=["repeated", "kind"])
    old.to_parquet(found.folder / "scores.parquet")
    shown = scores(found)
    np.testing.assert_allclose(shown["repeated"], table["repeated"], rtol=1e-6)
    assert list(shown["kind"]) == list(table["kind"])


def unordered(study):
    """Let the study's rows have no training order, and no kinds."""
    path = study.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["result"] |= {"in_order": False, "kinds": None}
    path.write_text(json.dumps(manifest))
    shutil.rmtree(study.folder / "tokenizer")  # which would tell kinds of text


def test_rows_without_a_training_order(study, mda):
    unordered(study)
    found, table = made()
    assert list(table) == ["row", "score", "L0H0", "L0H1", "L1H0", "L1H1", "repeated"]
    assert len(table) == 96  # all rows of the study, not only as many as were trained on
    assert len(made(sample=7)[1]) == 7
    command = ("attribute", "tiny", "--step", 20, "--head", "L1H1", "--rows-per-step", 1)
    assert "have no training order" in mda(*command).refusal
    assert "kind" not in scores(found)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sample", 3, "--rows-per-step", 1), "not by both"),
        (("--sample", 0), "greater than or equal to 1"),
        (("--rows-per-step", 0), "greater than or equal to 1"),
        (("--rows", "1:4", "--rows-per-step", 1), "begins with a step"),
        (("--dtype", "float16"), "float32"),
        (("--device", "tpu"), "auto"),
        (("--device", "cuda"), "no 'cuda' device"),
    ],
)
def test_refusals(study, mda, monkeypatch, options, said):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for more in ((), ("--estimate",)):
        assert said in mda("attribute", "tiny", "--step", 20, "--head", "L1H1", *options, *more).refusal


class Elsewhere:
    """The study's rows as if they lay on another machine; says what was asked for, by which thread."""

    def __init__(self, rows):
        self.rows, self.shape = rows, rows.shape
        self.asked, self.failing = [], set()

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, numbers):
        numbers = np.arange(len(self))[numbers]
        self.asked.append((threading.current_thread() is threading.main_thread(), tuple(np.atleast_1d(numbers))))
        if self.failing & set(np.atleast_1d(numbers)):
            raise UserError("The rows cannot be fetched: no network.")
        return self.rows[numbers]

    def here(self, rows):
        return np.isin(rows, np.arange(10))

    def held(self):
        return np.arange(10)

    def fetch(self, rows, advance=lambda rows: None):
        raise AssertionError("rows are taken by their numbers")


@pytest.fixture
def elsewhere(study, monkeypatch):
    source = Elsewhere(study.rows)
    monkeypatch.setattr(Study, "rows", cached_property(lambda self: source))
    Study.rows.__set_name__(Study, "rows")
    return source


def test_all_rows_of_another_machine_are_never_meant(elsewhere, mda):
    refusal = mda("attribute", "tiny", "--step", 20, "--head", "L1H1").refusal
    assert "trained on 80 rows" in refusal
    assert "at the very least" in refusal
    assert "--sample N" in refusal
    assert not elsewhere.asked


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(work, "SHARD_ROWS", 8)
    monkeypatch.setattr("mda.influence.at_once.MOST", 4)


@pytest.mark.usefixtures("small_shards")
def test_rows_are_read_ahead_and_a_failure_keeps_what_was_finished(elsewhere, study):
    options = {"rows": (0, 60), "curvature": "identity", "steps": (10, 20)}
    elsewhere.failing = {50}
    with pytest.raises(UserError, match="no network"):
        made(**options)
    (folder,) = (study.folder.parent / "attributions").glob("*.partial")
    assert not list(folder.glob("check-*"))  # row 50 belongs to the reliability sample as well
    elsewhere.failing = set()
    elsewhere.asked.clear()
    _, table = made(**options)
    assert len(table) == 60
    by_main = [rows for main, rows in elsewhere.asked if main]
    assert all(len(rows) <= 4 for rows in by_main)  # the estimate's few
    assert max(len(rows) for _, rows in elsewhere.asked) == 8


@pytest.mark.usefixtures("small_shards", "same_fit")
def test_a_network_that_fails_in_the_middle(elsewhere, study, monkeypatch):
    monkeypatch.setattr(AttributionTask, "checked_rows", FIT)
    whole, expected = made(rows=(0, 60))
    shutil.rmtree(whole.folder)
    elsewhere.failing = {49}
    with pytest.raises(UserError, match="no network"):
        made(rows=(0, 60))
    (folder,) = (study.folder.parent / "attributions").glob("*.partial")
    parts = [pd.read_parquet(path) for path in folder.glob("part-*")]
    # the reliability sample comes first, then the others, eight at a time
    checked = FIT[FIT < 60]
    others = np.setdiff1d(np.arange(60), checked)
    before = np.searchsorted(others, 49) // 8 * 8
    assert sorted(pd.concat(parts)["row"]) == sorted([*checked, *others[:before]])
    elsewhere.failing = set()
    elsewhere.asked.clear()
    pd.testing.assert_frame_equal(made(rows=(0, 60))[1], expected, check_exact=True)
    scored = {row for _, rows in elsewhere.asked for row in rows}
    assert scored == set(others[before:])
