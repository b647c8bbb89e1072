"""Scoring the heads of a study with very many checkpoints, few of which are on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from elsewhere import CheckpointsElsewhere, checkpoints_elsewhere
from influencing import click
from streamlit.testing.v1 import AppTest

from mda.ui.heads import cost
from mda.ui.heads.cost import ScoringCost
from pages import go, home, words

pytestmark = pytest.mark.usefixtures("cache", "fresh")

HEADS = "pages/1_Heads.py"
STEPS = [0, *(2**n for n in range(10)), *range(1000, 143_001, 1000)]
Launched = list[tuple[str, dict[str, Any], str]]


@pytest.fixture
def elsewhere(cache: Path, monkeypatch: pytest.MonkeyPatch) -> CheckpointsElsewhere:
    """154 checkpoints, of which that of step 0 is here, and none scored."""
    for folder in ("heads", "attributions", "retrains"):
        shutil.rmtree(cache / "demo" / folder)
    monkeypatch.setattr(cost, "_seconds_each", lambda *_: 42.0)
    return checkpoints_elsewhere(monkeypatch, there=[0], steps=STEPS)


def asked(launched: Launched) -> list[int]:
    (one,) = launched
    assert one[0] == "heads"
    assert one[1]["preset"] == "varied"
    return list(one[1]["steps"])


def choose(at: AppTest, label: str) -> AppTest:
    control = next(one for one in at.segmented_control if one.label == "Checkpoints to score")
    return control.set_value(
        next(value for value, shown in zip(PRESETS, control.options, strict=True) if label in str(shown))
    ).run()


PRESETS = ("log20", "around:143000", "all", "own")


@pytest.mark.usefixtures("elsewhere")
def test_the_story_begins_with_twenty_checkpoints_one_click_away(launched: Launched) -> None:
    at = home()
    assert not at.exception
    said = words(at)
    assert "20 checkpoints to score, 19 of them to download (about 1.0 GB); roughly 14 min of computing" in said
    click(at, "Download and score")
    steps = asked(launched)
    assert len(steps) == 20
    assert (steps[0], steps[-1]) == (0, 143_000)
    assert not at.exception
    assert "as soon as it is through" in words(at)  # the job waits


@pytest.mark.usefixtures("elsewhere")
def test_presets_say_their_size_first(launched: Launched) -> None:
    at = go(HEADS)
    assert not at.exception
    assert "No checkpoint has head scores." in words(at)
    choose(at, "All")
    assert "154 checkpoints to score, 153 of them to download (about 8.1 GB); roughly 1.8 h" in words(at)
    choose(at, "Around")
    assert "11 checkpoints to score, to download (about 583 MB)" in words(at)
    choose(at, "list")
    assert not [button for button in at.button if "score" in button.label.lower()]
    box = next(box for box in at.text_input if box.label == "Steps")
    box.set_value("0, 512, 77").run()
    assert "no checkpoint at step 77" in words(at).replace("\\", "")
    box.set_value("512, 0").run()
    assert "2 checkpoints to score, 1 of them to download (about 53 MB)" in words(at)
    click(at, "Download and score")
    assert asked(launched) == [0, 512]


def test_steps_without_weights_are_named_and_left_out(elsewhere: CheckpointsElsewhere, launched: Launched) -> None:
    elsewhere.reasons = {
        0: "EleutherAI/pythia-14m has no weights at step 0; use another step.",
        143_000: "Damaged.",
    }
    at = go(HEADS)
    assert "Steps 0 and 143,000 have no weights that could be used" in words(at)
    click(at, "Download and score")
    steps = asked(launched)
    assert len(steps) == 18
    assert not {0, 143_000} & set(steps)


@pytest.mark.parametrize("variable", ["MDA_READ_ONLY", "HF_HUB_OFFLINE"])
@pytest.mark.usefixtures("elsewhere")
def test_nothing_is_offered_that_cannot_be_done(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "1")
    for at in (home(), go(HEADS)):
        assert not at.exception
        assert not [button for button in at.button if "score" in button.label.lower()]
    if variable == "HF_HUB_OFFLINE":
        assert "HF_HUB_OFFLINE is set, so nothing is downloaded" in words(at).replace("\\", "")


def test_costs_in_words() -> None:
    assert ScoringCost([5], [5], 53_000_000, 42).words.startswith(
        "1 checkpoint to score, to download (about 53 MB);"
    )
    assert (
        ScoringCost([5, 6], [], 0, 42).words
        == "2 checkpoints to score, on this machine; roughly 42 s of computing here"
    )
    assert "of unknown size" in ScoringCost([5, 6], [6], None, 42).words
