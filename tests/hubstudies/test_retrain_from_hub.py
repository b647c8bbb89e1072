"""`mda retrain` on a study from the hub: published schedule, fresh moments, and only the rows that are used."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mda.workflows.head_scores as mda_scores
import mda.workflows.retrain as work
from mda.studies.retrains import find_retrain
from mda.training.loop import train

WINDOW = ("--from", 1, "--to", 3, "--every", 2, "--rows-per-step", 4)


@pytest.fixture(autouse=True)
def few_sequences(monkeypatch):
    monkeypatch.setattr(mda_scores, "SEQUENCES", 4)
    monkeypatch.setattr(mda_scores, "spread_periods", lambda seq_len, ids: (7, 9))


def fetched(hub) -> int:
    """Bytes of training rows that were asked for."""
    wanted = [span for method, path, span in hub.server.requests if ".bin" in path and span and method == "GET"]
    spans = [span.removeprefix("bytes=").split("-") for span in wanted]
    return sum(int(stop) - int(start) + 1 for start, stop in spans)


def test_an_experiment_on_few_rows_of_each_step(study, hub, mda, monkeypatch):
    rates, seen = [], []

    def recording(model, optimizer, plan, recipe, start, stop):
        for step, loss in train(model, optimizer, plan, recipe, start, stop):
            rates.append(optimizer.param_groups[0]["lr"])
            seen.append(plan.rows(plan.batch(step - 1, recipe.batch_size)[0]))
            yield step, loss

    monkeypatch.setattr(work, "train", recording)
    scored = mda(
        "attribute", "pythia-14m", "--step", 1, "--head", "L2H1", "--rows", "1024:3072", "--rows-per-step", 4,
        "--fit-rows", 8, "--probe-sequences", 16, "--json",
    ).json  # fmt: skip
    before = fetched(hub)
    base = mda("retrain", "pythia-14m", *WINDOW, "--action", "baseline", "--json").json
    assert base["fresh_optimizer"] is True
    assert (base["rows_per_step"], base["batch_size"]) == (4, 1024)
    assert "256 times smaller, whose gradient is about 16 times as noisy" in " ".join(base["caveats"])
    assert rates == [pytest.approx(1e-3 * step / 1430) for step in (1, 2)]  # the published warm-up
    data = hub.tiny.rows_deduped if "deduped" in study.facts.preshuffled.repo else hub.tiny.rows_standard
    np.testing.assert_array_equal(np.concatenate(seen), data[[1024, 1025, 1026, 1027, 2048, 2049, 2050, 2051]])
    held_out = (study.facts.held_out[1] - study.facts.held_out[0]) * 65 * 2
    assert fetched(hub) - before <= held_out + 100_000  # not the 2,048 rows of both steps
    chosen = ("--select", "top", "--fraction", 0.25, "--attribution", scored["id"])
    told = mda("retrain", "pythia-14m", *WINDOW, "--action", "remove", *chosen)
    assert "every arm, the baseline too, starts with fresh Adam moments" in told.out
    assert told.out.startswith("Retrain remove-top-0.25_s1-3_r0-")
    removed = find_retrain(told.out.split()[1])
    scores = pd.read_parquet(scored["scores"]).sort_values("score")
    assert set(removed.changed_rows()["row"]) == set(scores["row"][-2:])
    assert mda("compare", removed.id, "--json").code == 0
