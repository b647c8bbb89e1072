"""Attributing rows that lie on a hub: only what is needed is fetched, and a failure midway loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hub_server import Fault

from mda.studies.attributions import find_attribution
from mda.studies.study import Study
from mda.workflows import attribute as work

ASKED = ("attribute", "pythia-14m", "--head", "L2H1", "--fit-rows", 8, "--probe-sequences", 32)


def test_rows_have_to_be_chosen(study: Study, mda: Callable) -> None:
    before = list(study.held_rows())
    refusal = mda(*ASKED, "--step", 2).refusal
    assert f"trained on {study.facts.trained:,} rows" in refusal
    assert "--rows-per-step K" in refusal
    assert list(study.held_rows()) == before


def test_a_step_without_weights_is_refused_before_the_others_are_worked_on(study: Study, mda: Callable) -> None:
    words = (*ASKED, "--through", "all", "--rows", "0:8", "--step")
    assert "step 32" in mda(*words, 32).refusal
    refusal = mda(*words, "1,32").refusal  # what was found out once is known
    assert "step 32" in refusal
    assert not study.source.here(1)
    assert "step 32" in mda(*words, "1,32", "--estimate").refusal


def test_a_sample_fetches_its_rows_and_no_others(study: Study, mda: Callable) -> None:
    before = set(study.held_rows())
    words = (*ASKED, "--step", "1,2", "--through", "all", "--sample", 20)
    estimate = mda(*words, "--estimate").out
    assert "downloaded besides" in estimate
    told = mda(*words, "--json").json
    table = pd.read_parquet(told["scores"])
    assert set(study.held_rows()) == before | set(table["row"])
    np.testing.assert_array_equal(table["step"], table["row"] // study.facts.batch_size)
    assert table["repeated"].between(0, 1).all()
    assert set(table["kind"]) <= set(study.kinds or [])
    assert "downloaded besides" not in mda(*words, "--estimate").out


def test_a_network_that_fails_in_the_middle_and_comes_back(
    study: Study, hub, mda: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "SHARD_ROWS", 4)
    monkeypatch.setattr("mda.influence.at_once.MOST", 4)
    words = (*ASKED, "--step", 2, "--through", "all", "--rows", "0:40")
    study.rows.fetch(np.arange(20))  # type: ignore[union-attr]
    hub.server.faults.append(Fault("404", "document-", 1000))
    assert "not on this machine" in mda(*words).refusal
    hub.server.faults.clear()
    told = mda(*words, "--json").json
    assert told["rows"] == 40
    found = find_attribution(told["id"])
    assert found.token_influence(39).sum() == pytest.approx(found.scores()["score"][39], rel=1e-3)


def test_what_was_scored_is_told_and_exported_without_a_network(
    study: Study, hub, mda: Callable, tmp_path: Path
) -> None:
    told = mda(*ASKED, "--step", 2, "--through", "all", "--sample", 40, "--json").json
    assert mda("heads", "pythia-14m", "--steps", "1,2").code == 0
    hub.server.stop()
    for end in ([], ["--bottom"]):
        best = mda("top", told["id"], "-n", 3, *end, "--json").json
        assert [line["step"] for line in best["rows"]] == [line["row"] // 1024 for line in best["rows"]]
        assert all(line["text"] for line in best["rows"])
    assert "row " in mda("top", told["id"], "-n", 3).out
    page = tmp_path / "finding.html"
    assert mda("export", "pythia-14m", "-o", page).code == 0
    assert "mda study add" in page.read_text()
    assert told["id"] in page.read_text()
    assert mda("jobs", "list").code == mda("study", "show", "pythia-14m").code == 0
