"""`mda attribute`: what the stored scores are, and how parts of them fit together."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mda.workflows.attribute as work
from mda.influence.score import Scorer
from mda.progress import Cancelled, Progress
from mda.studies.attributions import MAIN, find_attribution, read_directions
from mda.workflows import attribution_parts, pace
from mda.workflows.attribute import attribute
from mda.workflows.attribution_task import AttributeRequest

ABOUT = ["repeated", "kind"]


@pytest.fixture
def ask(study, mda):
    """Attributes on the tiny study; returns what was told and the table of scores."""

    def call(step=20, head="L1H1", *options):
        words = ("attribute", "tiny", "--step", step, "--head", head, "--probe-sequences", 32)
        told = mda(*words, *options, "--json").json
        return told, pd.read_parquet(told["scores"])

    return call


def test_one_line_for_every_training_row(ask):
    told, table = ask()
    assert list(table) == ["row", "step", "score", *ABOUT]
    assert list(table["row"]) == list(range(80))
    assert list(table["step"]) == [row // 4 for row in range(80)]
    assert table["score"].abs().min() > 0
    assert told["rows"] == 80
    assert told["columns"] == ["L1H1"]
    assert told["rows_per_second"] > 0
    assert set(told["reliability"]) == {"probe_halves", "label_seeds", "rows", "by_head"}
    assert told["id"] in told["scores"]


def test_rows_of_a_range(ask):
    _, table = ask(20, "L1H1", "--rows", "78:90")  # rows that no checkpoint has seen may be asked about too
    assert list(table["row"]) == list(range(78, 90))


def test_several_steps_are_summed(ask):
    told, table = ask("20,10")
    assert list(table) == ["row", "step", "score", "score_at_10", "score_at_20", *ABOUT]
    np.testing.assert_allclose(table["score"], table["score_at_10"] + table["score_at_20"], rtol=1e-12)
    for step in (10, 20):
        _, alone = ask(step)
        np.testing.assert_array_equal(table[f"score_at_{step}"], alone["score"])
    assert set(told["probe_value"]) == {"10", "20"}
    assert ask("10,20,10")[0]["id"] == told["id"]


def test_all_heads_at_once_and_one_by_one(ask):
    told, table = ask(20, "all")
    heads = ["L0H0", "L0H1", "L1H0", "L1H1"]
    assert told["columns"] == heads
    assert list(table) == ["row", "step", "score", *heads, *ABOUT]
    np.testing.assert_allclose(table["score"], table[heads].sum(axis=1), rtol=1e-12)
    for head in heads:
        _, alone = ask(20, head)
        np.testing.assert_allclose(table[head], alone["score"], rtol=1e-4, atol=1e-5 * alone["score"].abs().max())
    assert set(told["reliability"]["by_head"]) == set(heads)


def test_through_all_heads(ask):
    _, table = ask(20, "L1H1", "--through", "all")
    heads = ["L0H0", "L0H1", "L1H0", "L1H1"]
    assert list(table) == ["row", "step", "score", *heads, *ABOUT]
    np.testing.assert_allclose(table["score"], table[heads].sum(axis=1), rtol=1e-12)
    assert (table["L1H0"] == 0).all()  # a head of the same layer does not enter the probe
    assert (table["L0H0"] != 0).all()
    _, own = ask()
    np.testing.assert_allclose(table["L1H1"], own["score"], rtol=1e-4, atol=1e-5 * own["score"].abs().max())


def test_stored_directions_give_the_stored_scores(ask, study):
    told, table = ask(20, "L1H1", "--through", "all")
    found = find_attribution(told["id"])
    directions = read_directions(found.folder, 20)[MAIN]
    with Scorer(study.load(20), [directions], found.heads) as scorer:
        for rows in (np.arange(7), np.array([3]), np.array([79, 0, 41])):
            scores = scorer.rows(study.rows[rows])[0]
            expected = table.set_index("row").loc[rows, told["columns"]].to_numpy().T
            np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("options", [(), ("--through", "all"), ("--blocks", "qk"), ("--probe", "induction")])
def test_token_influence_adds_up_to_the_score(ask, options):
    told, table = ask("10,20", "L1H1", *options)
    found = find_attribution(told["id"])
    for row in (0, 7, 79):
        tokens = found.token_influence(row)
        assert tokens.shape == (32,)
        assert tokens.sum() == pytest.approx(table["score"][row], rel=1e-3, abs=1e-5 * table["score"].abs().max())


@pytest.mark.parametrize("curvature", ["ekfac", "kfac", "diagonal", "identity", "exact"])
def test_every_curvature_and_probe_and_their_own_identity(ask, curvature):
    ids = {
        ask(20, "L1H1", "--curvature", curvature, "--probe", probe)[0]["id"]
        for probe in ("previous_token", "induction")
    }
    assert len(ids) == 2
    assert all(curvature in name for name in ids)


def test_the_second_time_costs_nothing(ask, monkeypatch):
    first, _ = ask()

    def never(*arguments):
        raise AssertionError("computed again")

    monkeypatch.setattr(work, "_build", never)
    assert ask()[0] == first
    assert ask(20, "L1H1", "--rows", "0:80", "--through", "L1H1", "--seed", "0")[0] == first  # the defaults, said


def test_whatever_changes_the_numbers_changes_the_id(ask):
    variations = [
        (20, "L1H1"), (10, "L1H1"), (20, "L1H0"), (20, "L1H1", "--seed", 1), (20, "L1H1", "--blocks", "qk"),
        (20, "L1H1", "--rows", "0:79"), (20, "L1H1", "--fit-rows", 40), (20, "L1H1", "--probe-sequences", 64),
        (20, "L1H1", "--curvature", "kfac"), (20, "L1H1", "--probe", "previous_token"),
        (20, "L1H1", "--through", "all"),
    ]  # fmt: skip
    assert len({ask(*variation)[0]["id"] for variation in variations}) == len(variations)


def small_shards(monkeypatch, rows):
    """Shards of so many rows, and as many of them in one pass."""
    monkeypatch.setattr(work, "SHARD_ROWS", rows)
    monkeypatch.setattr("mda.influence.at_once.MOST", rows)


class Stops(Progress):
    """Stops the work at its nth sign of life."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def changed(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled


REQUEST = AttributeRequest(
    study="tiny", steps=(10, 20), head="L1H1", through="all", fit_rows=16, probe_sequences=32
)


def test_stopped_anywhere_and_run_again(study, monkeypatch, tmp_path):
    small_shards(monkeypatch, 16)
    whole = Path(attribute(REQUEST, Progress())["scores"])
    expected = pd.read_parquet(whole)
    manifest = find_attribution(whole.parent.name).manifest.result
    whole.parent.rename(tmp_path / "whole")
    for after in (1, 5, 8, 12):
        with pytest.raises(Cancelled):
            attribute(REQUEST, Stops(after))
        assert not whole.parent.exists()
        attribute(REQUEST, Progress())
        pd.testing.assert_frame_equal(pd.read_parquet(whole), expected, check_exact=True)
        again = find_attribution(whole.parent.name).manifest.result
        assert again["reliability"] == manifest["reliability"]
        assert sorted(path.name for path in whole.parent.iterdir()) == sorted(
            path.name for path in (tmp_path / "whole").iterdir()
        )
        whole.parent.rename(tmp_path / f"after{after}")


@pytest.mark.parametrize("call", range(14))
def test_killed_at_any_write(study, monkeypatch, call):
    """As a kill between two writes would leave it: nothing after the nth write happens."""
    small_shards(monkeypatch, 48)
    count = itertools.count()

    def dying(real):
        def write(*arguments):
            if next(count) == call:
                raise SystemExit
            real(*arguments)

        return write

    with monkeypatch.context() as patch:
        for module in (work, attribution_parts, pace):
            for name in ("write_parquet", "append_jsonl", "write_tensors", "write_json"):
                if hasattr(module, name):
                    patch.setattr(module, name, dying(getattr(module, name)))
        with pytest.raises(SystemExit):
            attribute(REQUEST, Progress())
    found = pd.read_parquet(attribute(REQUEST, Progress())["scores"])
    assert len(found) == 80


def test_stopped_while_it_finishes(study, monkeypatch):
    """Everything is there but the manifest: the next attempt writes that."""

    def killed(self, result):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("mda.store.artefact.Workspace.finish", killed)
        with pytest.raises(SystemExit):
            attribute(REQUEST, Progress())
    monkeypatch.setattr(work, "load_model", None)
    assert len(pd.read_parquet(attribute(REQUEST, Progress())["scores"])) == 80
