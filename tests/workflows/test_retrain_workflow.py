"""`mda retrain` and `mda compare`: arms against hand-made training, pairing, controls and the table of delays."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mda.workflows.retrain as work
from mda.checkpoints.folder import load_model, load_optimizer
from mda.progress import Cancelled, Progress
from mda.studies.retrains import find_retrain
from mda.training.loop import Plan, train
from mda.training.recipe import new_optimizer
from mda.workflows.head_scores import CheckpointScorer, head_table, model_table
from mda.workflows.retrain import RetrainRequest, retrain

SCORES = ["prefix_matching", "previous_token", "duplicate_token", "first_token", "copying"]


@pytest.fixture
def arm(study, mda):
    """Retrains the tiny study over steps 10 to 20; returns what was told."""

    def call(action, *options, start=10, stop=20, every=5):
        words = ("retrain", "tiny", "--from", start, "--to", stop, "--every", every, "--action", action)
        return mda(*words, *options, "--json").json

    return call


@pytest.fixture
def attribution(study, mda) -> str:
    return mda("attribute", "tiny", "--step", 10, "--head", "L1H1", "--probe-sequences", 32, "--json").json["id"]


@pytest.mark.parametrize("start", [0, 10])
def test_a_baseline_repeats_the_training_bit_for_bit(arm, mda, start):
    """All weights 1, from a stored optimizer state: the same numbers as the study's own checkpoints."""
    told = arm("baseline", start=start, every=10)
    assert told["fresh_optimizer"] is False
    assert told["rows"] == 0
    mda("heads", "tiny")
    mine, own = pd.read_parquet(told["metrics"]), head_table("tiny")
    for step in range(start, 21, 10):
        expected = own[own["step"] == step].sort_values(["layer", "head"])[SCORES].to_numpy()
        np.testing.assert_array_equal(mine[mine["step"] == step].sort_values("head")[SCORES].to_numpy(), expected)
    models = pd.read_parquet(told["model_metrics"]).set_index("step")
    scores = ["induction_loss", "icl", "validation_loss"]
    np.testing.assert_array_equal(models.loc[20, scores], model_table("tiny").set_index("step").loc[20, scores])
    assert list(models.index) == list(range(start, 21, 10))
    assert np.isnan(models["loss"].iloc[0])
    assert models["loss"].iloc[1:].notna().all()


@pytest.mark.parametrize(("action", "weight"), [("remove", 0.0), ("duplicate", 2.0)])
def test_an_arm_against_training_by_hand(arm, study, action, weight):
    told = arm(action, "--select", "rows", "--rows", "41,44:47,79", stop=20)
    changed = find_retrain(told["id"]).changed_rows()
    rows = [41, 44, 45, 46, 79]
    assert changed.to_dict("list") == {"row": rows, "step": [10, 11, 11, 11, 19], "weight": [weight] * 5}
    weights = np.ones(40, dtype=np.float32)
    weights[np.array(rows) - 40] = weight
    model = load_model(study.checkpoint(10)).requires_grad_(True)
    optimizer = new_optimizer(model, study.facts.recipe)
    load_optimizer(study.checkpoint(10), model, optimizer)
    plan = Plan(lambda numbers: study.rows[numbers], first=40, weights=weights)
    for _ in train(model, optimizer, plan, study.facts.recipe, 10, 20):
        pass
    expected, _ = CheckpointScorer.of(study.facts, study.rows).score(model)
    found = pd.read_parquet(told["metrics"])
    np.testing.assert_array_equal(found[found["step"] == 20][SCORES], expected[SCORES])


def test_rows_from_a_file(arm, tmp_path):
    (tmp_path / "rows.txt").write_text("41\n44:47\n79\n41\n")
    named = arm("remove", "--select", "rows", "--rows", f"@{tmp_path / 'rows.txt'}")
    assert named["id"] == arm("remove", "--select", "rows", "--rows", "41,44,45,46,79")["id"]


def test_rows_chosen_by_score(arm, study, attribution):
    scores = pd.read_parquet(study.folder.parent / "attributions" / attribution / "scores.parquet")
    window = scores[scores["row"] >= 40].sort_values("score")
    chosen = {}
    for select in ("top", "bottom", "random", "matched-kind", "matched-repetition"):
        told = arm("remove", "--select", select, "--fraction", 0.25, "--attribution", attribution)
        assert told["rows"] == 10
        chosen[select] = set(find_retrain(told["id"]).changed_rows()["row"])
        assert bool(told["match"]) == (select not in ("top", "bottom"))
    assert chosen["top"] == set(window["row"][-10:])
    assert chosen["bottom"] == set(window["row"][:10])
    for control in ("random", "matched-kind", "matched-repetition"):
        assert len(chosen[control]) == 10
        assert not chosen[control] & chosen["top"]
        assert all(40 <= row < 80 for row in chosen[control])


def test_random_rows_need_no_attribution_and_differ_between_replicates(arm):
    rows = [
        find_retrain(arm("remove", "--select", "random", "--fraction", 0.2, "--replicate", replicate)["id"])
        .changed_rows()["row"]
        .tolist()
        for replicate in (0, 1)
    ]
    assert len(rows[0]) == len(rows[1]) == 8
    assert rows[0] != rows[1]


def test_replicates_are_paired(arm, monkeypatch):
    """Arms of one replicate see the rows in one order, and a row keeps its weight wherever it comes."""
    seen = []

    def recording(model, optimizer, plan, recipe, start, stop):
        seen.append([plan.batch(step, recipe.batch_size) for step in range(start, stop)])
        return train(model, optimizer, plan, recipe, start, stop)

    monkeypatch.setattr(work, "train", recording)
    for replicate in (0, 1, 2):
        arm("baseline", "--replicate", replicate, every=10)
        arm("remove", "--select", "rows", "--rows", "41,60", "--replicate", replicate, every=10)
    orders = [np.concatenate([numbers for numbers, _ in run]) for run in seen]
    np.testing.assert_array_equal(orders[0], np.arange(40, 80))
    for number in (0, 2, 4):
        np.testing.assert_array_equal(orders[number], orders[number + 1])
        assert sorted(orders[number]) == list(range(40, 80))
        weights = np.concatenate([weight for _, weight in seen[number + 1]])
        assert set(orders[number][weights == 0]) == {41, 60}
    assert not np.array_equal(orders[2], orders[4])


def test_beyond_the_window_rows_are_as_they_were(arm, monkeypatch):
    seen = []

    def recording(model, optimizer, plan, recipe, start, stop):
        seen.extend(plan.batch(step, recipe.batch_size) for step in range(start, stop))
        return train(model, optimizer, plan, recipe, start, stop)

    monkeypatch.setattr(work, "train", recording)
    arm("remove", "--select", "random", "--fraction", 0.5, "--replicate", 1, "--until", 20, stop=14)
    assert sum((weights == 0).sum() for _, weights in seen) == 8
    for step in range(14, 20):
        np.testing.assert_array_equal(seen[step - 10][0], np.arange(4 * step, 4 * step + 4))
        assert (seen[step - 10][1] == 1).all()


def test_compare(arm, mda, attribution):
    options = ("--fraction", 0.25, "--attribution", attribution)
    top = [arm("remove", "--select", "top", *options, "--replicate", k, start=0, every=4)["id"] for k in (0, 1)]
    command = mda("compare", *top).refusal.split("`")[1]
    assert command.startswith("mda retrain tiny --from 0 --to 20 --action baseline --replicate 0 --every 4")
    assert mda(*command.split()[1:]).code == 0  # the command that is named makes the baseline
    assert "--replicate 1" in mda("compare", *top).refusal
    baseline = arm("baseline", "--replicate", 1, start=0, every=4)["id"]
    table = mda("compare", *top, "--json").json["arms"]
    assert {line["score"] for line in table} == {"previous_token"}
    assert all(line["replicates"] == 2 for line in table)
    assert all(line["arm"].startswith("remove top 25 %") for line in table)
    assert mda("compare", *top, baseline, "--json").json["arms"] == table
    assert "remove top 25 %" in mda("compare", *top).out
    assert "nothing to compare" in mda("compare", baseline).refusal
    other = arm("remove", "--select", "top", *options, every=5)["id"]
    assert "do not share" in mda("compare", *top, other).refusal


def test_compare_where_no_head_is_born(arm, mda, monkeypatch):
    monkeypatch.setattr("mda.evidence.compare.BORN_LEVEL", 2.0)
    arm("baseline")
    removed = arm("remove", "--select", "rows", "--rows", "41")["id"]
    assert mda("compare", removed, "--json").json == {"arms": [], "caveats": []}
    assert mda("compare", removed).out.startswith("No head is born")


REQUEST = RetrainRequest(
    study="tiny", from_step=10, to_step=20, action="remove", select="random", fraction=0.2, replicate=1, every=3
)


class Stops(Progress):
    """Stops the work at its nth sign of life."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def changed(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled


def test_stopped_anywhere_and_run_again(study, tmp_path):
    folder = Path(retrain(REQUEST, Progress())["metrics"]).parent
    heads, models = (pd.read_parquet(folder / name) for name in ("metrics.parquet", "model_metrics.parquet"))
    files = sorted(path.name for path in folder.iterdir())
    folder.rename(tmp_path / "whole")
    for after in itertools.count(0, 3):
        try:
            retrain(REQUEST, Stops(after))
            break
        except Cancelled:
            assert not folder.exists()
            retrain(REQUEST, Progress())
        pd.testing.assert_frame_equal(pd.read_parquet(folder / "metrics.parquet"), heads, check_exact=True)
        pd.testing.assert_frame_equal(pd.read_parquet(folder / "model_metrics.parquet"), models, check_exact=True)
        assert sorted(path.name for path in folder.iterdir()) == files
        folder.rename(tmp_path / f"after{after}")
    assert after >= 8


@pytest.mark.parametrize("name", ["append_jsonl", "save_checkpoint", "write_parquet"])
@pytest.mark.parametrize("call", [0, 1, 2])
def test_killed_at_any_write(study, monkeypatch, name, call):
    real, count = getattr(work, name), itertools.count()

    def write(*arguments):
        if next(count) == call:
            raise SystemExit
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(work, name, write)
        with pytest.raises(SystemExit):
            retrain(REQUEST, Progress())
    assert list(find_retrain(retrain(REQUEST, Progress())["id"]).model_metrics()["step"]) == [10, 13, 16, 19, 20]


def test_killed_while_it_finishes(study, monkeypatch):
    def killed(self, result):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("mda.store.artefact.Workspace.finish", killed)
        with pytest.raises(SystemExit):
            retrain(REQUEST, Progress())
    assert list(find_retrain(retrain(REQUEST, Progress())["id"]).model_metrics()["step"]) == [10, 13, 16, 19, 20]
