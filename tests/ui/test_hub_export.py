"""Findings of studies from the hub, and of rows without a training order."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from elsewhere import rows_elsewhere
from influencing import change

from mda.store.artefact import Manifest
from mda.studies.attributions import list_attributions
from mda.studies.study import Study
from mda.ui.export.commands import attribute_command, study_command
from mda.ui.export.gather import gather_by_id
from mda.ui.export.page import finding_html

ROWS = "EleutherAI/pile-deduped-pythia-preshuffled@" + "a" * 40
WEIGHTS = {"0": "EleutherAI/pythia-14m@" + "b" * 40}


def manifest(seconds: float = 1.0, **spec: Any) -> Manifest:
    return Manifest(
        kind="study", identity="0" * 64, spec=spec, code_version="1", created=datetime.now(UTC),
        seconds=seconds, hardware={}, result={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "spec", "command"),
    [
        ("pythia-14m", {"rows": ROWS}, "mda study add pythia-14m"),
        ("mine", {"rows": ROWS}, "mda study add mine --checkpoints EleutherAI/pythia-14m"),
        (
            "pythia-14m",
            {"rows": ROWS.replace("deduped", "standard")},
            "mda study add pythia-14m --rows EleutherAI/pile-standard-pythia-preshuffled",
        ),
        (
            "pythia-14m",
            {"rows": "c" * 64, "rows_from": "owner/texts@" + "d" * 40},
            "mda study add pythia-14m --rows owner/texts --column COLUMN",
        ),
        (
            "other",
            {"rows": "c" * 64, "weights": {"0": "owner/model@" + "b" * 40}},
            "mda study add other --checkpoints owner/model --rows ROWS --batch-size 1024",
        ),
    ],
)
def test_the_command_that_adds_a_study_of_the_hub(name: str, spec: dict[str, Any], command: str) -> None:
    made = manifest(origin="hub", **{"weights": WEIGHTS, "batch_size": 1024, **spec})
    assert study_command(name, made) == command


def test_the_command_of_local_text() -> None:
    made = manifest(601.0, origin="local-text", seed=2)
    assert study_command("local-text-seed2", made) == "mda local-text --minutes 11 --seed 2"


@pytest.mark.usefixtures("cache")
def test_a_choice_of_rows_and_a_format_are_in_the_command() -> None:
    study, (one,) = Study.open("demo"), list_attributions("demo")
    assert "--sample" not in attribute_command("demo", study.facts, study.sizes, one)
    one.manifest.spec.update(sample=100, dtype="bfloat16")
    told = attribute_command("demo", study.facts, study.sizes, one)
    assert "--sample 100" in told
    assert "--dtype bfloat16" in told


def test_a_finding_of_rows_without_an_order_tells_no_step(cache: Path) -> None:
    change(cache / "demo/study/manifest.json", in_order=False)
    found = gather_by_id("demo", None, None)
    assert all(row.step is None for row in (*found.promoting, *found.suppressing))
    assert "step" not in found.scores
    page = finding_html(found)
    assert "in no training order" in page
    assert "when the rows were trained on" not in page


@pytest.mark.usefixtures("cache")
def test_the_printed_rows_are_fetched_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    source = rows_elsewhere(monkeypatch, range(40, 80))
    source.there -= {50, 51}
    found = gather_by_id("demo", None, None)
    assert len(found.promoting) == 10
    assert all(len(rows) <= 10 for rows in source.fetched)
