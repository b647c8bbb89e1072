"""`mda heads`, `mda study` and `mda top` on a tiny study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import mda.workflows.head_scores as mda_scores
from mda.heads.scores import head_scores
from mda.heads.sequences import repeated_batches, spread_periods
from mda.workflows.head_scores import EVALUATION_SEED, SEQUENCES, head_table, model_table


def test_some_steps_and_then_the_rest(study, mda, monkeypatch):
    assert mda("heads", "tiny", "--steps", "10", "--json").json["steps"] == [10]
    first = head_table("tiny")
    told = mda("heads", "tiny", "--json").json
    assert told["steps"] == [0, 10, 20]
    whole = pd.read_parquet(told["head_scores"])
    assert list(whole["step"]) == [0] * 4 + [10] * 4 + [20] * 4
    pd.testing.assert_frame_equal(whole[whole["step"] == 10].reset_index(drop=True), first)

    def never(*arguments):
        raise AssertionError("computed again")

    monkeypatch.setattr(mda_scores, "head_scores", never)
    assert mda("heads", "tiny", "--steps", "20,0", "--json").json == told


def test_the_numbers_are_those_of_the_loaded_model(study, mda):
    mda("heads", "tiny", "--steps", "20")
    facts = study.facts
    periods = spread_periods(facts.seq_len, len(facts.probe_ids))
    batches = repeated_batches(facts.probe_ids, facts.start_id, periods, SEQUENCES, EVALUATION_SEED)
    expected = head_scores(study.load(20), batches)
    found = head_table("tiny")
    pd.testing.assert_frame_equal(found.drop(columns="step"), expected, check_dtype=False)
    tokens = torch.from_numpy(study.rows[80:96].astype(np.int64))
    with torch.no_grad():
        loss = study.load(20)(tokens, labels=tokens).loss.item()
    assert model_table("tiny")["validation_loss"].item() == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("steps", ["7", "0,7", "a", "", "1,,2", "-1", "10;20", "1e1", "9" * 30])
def test_steps_that_are_none(study, mda, steps):
    mda("heads", "tiny", "--steps", steps).refusal  # noqa: B018
    assert head_table("tiny").empty  # nothing was computed for the good ones either


def test_another_process_fills_the_tables(study, mda):
    from filelock import FileLock

    with FileLock(study.folder.parent / "heads.lock"):
        assert "Another process" in mda("heads", "tiny").refusal
    assert mda("heads", "tiny", "--json").json["steps"] == [0, 10, 20]


def test_tables_made_with_other_settings(study, mda, monkeypatch):
    mda("heads", "tiny", "--steps", "0")
    monkeypatch.setattr(mda_scores, "SEQUENCES", 32)
    assert "other settings" in mda("heads", "tiny").refusal


def test_list_and_show(study, mda):
    assert mda("study", "list", "--json").json == {"studies": ["tiny"]}
    assert mda("study", "list").out == "tiny\n"
    told = mda("study", "show", "tiny", "--json").json
    assert told["steps"] == [0, 10, 20]
    assert (told["layers"], told["heads_per_layer"], told["rows"], told["seq_len"]) == (2, 2, 96, 32)
    assert (told["attributions"], told["retrains"]) == ([], [])
    attribution = mda("attribute", "tiny", "--step", 20, "--head", "L1H1", "--json").json["id"]
    retrain = mda("retrain", "tiny", "--from", 10, "--to", 12, "--action", "baseline", "--json").json["id"]
    told = mda("study", "show", "tiny", "--json").json
    assert [one["id"] for one in told["attributions"]] == [attribution]
    assert told["retrains"] == [{"id": retrain, "arm": "baseline", "replicate": 0}]
    plain = mda("study", "show", "tiny").out
    assert attribution in plain
    assert retrain in plain


def test_an_empty_cache(tmp_path, monkeypatch, mda):
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "none"))
    assert mda("study", "list", "--json").json == {"studies": []}
    assert mda("jobs", "list", "--json").json == {"jobs": []}
    assert "mda demo" in mda("study", "list").out
    assert "No jobs" in mda("jobs", "list").out
    for name, command in (("demo", "demo"), ("local-text-seed2", "local-text --seed 2"), ("x", "study add")):
        assert f"it with `mda {command}`" in mda("study", "show", name).refusal
    assert not (tmp_path / "none").exists()  # looking makes nothing


def test_top_and_bottom(study, mda):
    told = mda("attribute", "tiny", "--step", 20, "--head", "L1H1", "--json").json
    scores = pd.read_parquet(told["scores"]).sort_values("score", ascending=False)
    best = mda("top", told["id"], "-n", 5, "--json").json
    assert [line["row"] for line in best["rows"]] == list(scores["row"][:5])
    assert [line["score"] for line in best["rows"]] == list(scores["score"][:5])
    assert best["reliability"] == told["reliability"]
    first = best["rows"][0]
    assert first["step"] == first["row"] // 4
    assert first["kind"] == study.kind_names(np.array([first["row"]]))[0]
    assert first["text"] == study.text(first["row"])
    worst = mda("top", told["id"], "--bottom", "-n", 3, "--json").json["rows"]
    assert [line["row"] for line in worst] == list(scores["row"][::-1][:3])
    plain = mda("top", told["id"], "-n", 2).out
    assert f"row {first['row']}  step {first['step']}  score {first['score']:+.4g}" in plain
    assert first["text"].splitlines()[0] in plain
    assert len(mda("top", told["id"], "-n", 1000, "--json").json["rows"]) == 80
    assert "-n 0" in mda("top", told["id"], "-n", 0).refusal


def test_training_text_cannot_drive_a_terminal(study, mda, monkeypatch):
    told = mda("attribute", "tiny", "--step", 20, "--head", "L1H1", "--json").json
    monkeypatch.setattr(type(study), "text", lambda self, row: "a\x1b]0;title\x07\x9b2J\r\u202eb\nc")
    out = mda("top", told["id"], "-n", 1).out
    assert all(character == "\n" or character.isprintable() for character in out)
    assert r"a\x1b]0;title\x07\x9b2J\x0d" in out


def test_a_preset_has_tables_of_its_own_or_is_refused_where_it_does_not_fit(study, mda, monkeypatch):
    assert "needs rows of 101 tokens" in mda("heads", "tiny", "--preset", "olsson").refusal
    assert "varied" in mda("heads", "tiny", "--preset", "nope").refusal
    monkeypatch.setitem(mda_scores.PRESETS, "olsson", (7, 4))
    told = mda("heads", "tiny", "--steps", "20", "--preset", "olsson", "--json").json
    assert "heads-olsson" in told["head_scores"]
    assert head_table("tiny").empty
    assert len(head_table("tiny", "olsson")) == 4
