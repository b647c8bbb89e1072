"""The demo as a newcomer gets it: built once with its real settings, then looked at from all sides."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mda.evidence.births import births
from mda.progress import Progress
from mda.store.identity import file_digest
from mda.studies.attributions import find_attribution
from mda.studies.retrains import find_retrain
from mda.studies.study import Study
from mda.workflows.demo import DemoRequest, build_demo
from mda.workflows.head_scores import head_table, model_table
from mda.workflows.retrain import RetrainRequest, retrain

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The result of `mda demo` in an empty cache."""
    former = os.environ.get("MDA_CACHE")
    os.environ["MDA_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    threads = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)  # unlike the tiny tests, this one gains by it
    yield build_demo(DemoRequest(), Progress())
    torch.set_num_threads(threads)
    os.environ.pop("MDA_CACHE") if former is None else os.environ.update(MDA_CACHE=former)


def test_the_phase_change_is_there(demo: dict[str, Any]) -> None:
    table = head_table("demo")
    final = births(table).set_index("score")["final"]
    assert final["previous_token"].max() > 0.8
    assert final["prefix_matching"].max() > 0.4
    born = births(table)
    best = born[born["score"] == "prefix_matching"].sort_values("final").iloc[-1]
    history = table[(table["layer"] == best["layer"]) & (table["head"] == best["head"])]
    first_quarter = history[history["step"] <= table["step"].max() // 4]
    assert first_quarter["prefix_matching"].max() < 0.05
    assert best["birth_step"] > table["step"].max() // 4


def test_learning_goes_with_the_birth(demo: dict[str, Any]) -> None:
    models = model_table("demo").set_index("step")
    assert models["induction_loss"].iloc[-1] < models["induction_loss"].loc[500] - 1.0
    assert models["icl"].iloc[-1] < models["icl"].loc[500]  # more negative: more in-context learning
    assert models["validation_loss"].iloc[-1] < models["validation_loss"].loc[500]


def test_the_first_attribution_found_repetition_without_being_told(demo: dict[str, Any]) -> None:
    """The right sign: rows that promote repeat more than the average row, and than those that suppress."""
    study, found = Study.open("demo"), find_attribution(demo["attribution"])
    scores = found.scores().sort_values("score")
    tenth = len(scores) // 10
    shares = {
        name: study.shares(rows["row"].to_numpy()).mean()
        for name, rows in {"bottom": scores[:tenth], "all": scores, "top": scores[-tenth:]}.items()
    }
    assert shares["top"] > shares["all"]
    assert shares["top"] > shares["bottom"]
    assert found.manifest.result["reliability"]["label_seeds"] > 0.8


def test_token_influence_adds_up_to_the_stored_score(demo: dict[str, Any]) -> None:
    found = find_attribution(demo["attribution"])
    for line in found.ranked(3).to_dict("records"):
        assert found.token_influence(int(line["row"])).sum() == pytest.approx(line["score"], rel=1e-3)


def test_a_baseline_retrain_in_order_repeats_the_demo_s_own_training(demo: dict[str, Any]) -> None:
    """All weights 1, stored optimizer: the head scores equal those of the demo's own checkpoint."""
    request = RetrainRequest(study="demo", from_step=1000, to_step=1200, action="baseline", every=100)
    arm = find_retrain(retrain(request, Progress())["id"]).metrics()
    own = head_table("demo")
    for step in (1000, 1100, 1200):
        mine = arm[arm["step"] == step].sort_values("head")
        theirs = own[own["step"] == step].sort_values(["layer", "head"])
        for score in ("prefix_matching", "previous_token", "copying"):
            np.testing.assert_array_equal(mine[score].to_numpy(), theirs[score].to_numpy())


def test_the_same_seed_gives_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo: dict[str, Any]
) -> None:
    first = file_digest(Study.open("demo").checkpoint(100) / "model.safetensors")
    monkeypatch.setenv("MDA_CACHE", str(tmp_path))
    build_demo(DemoRequest(steps=100), Progress())
    assert file_digest(Study.open("demo").checkpoint(100) / "model.safetensors") == first


def test_the_tables_hold_every_checkpoint(demo: dict[str, Any]) -> None:
    steps = Study.open("demo").steps
    table = head_table("demo")
    assert sorted(table["step"].unique()) == steps
    assert table.groupby("step").size().eq(8).all()
    assert table.notna().all().all()
