"""The page of retrains."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pages import go, words


@pytest.mark.usefixtures("cache")
def test_retrain_says_what_it_will_do_and_does_that(launched: list, attribution: str) -> None:
    at = go("pages/5_Retrain.py")
    assert "**15 arms**, one after another" in words(at)
    assert "**4 of the window's 40 rows**" in words(at)
    next(button for button in at.button if button.label == "Retrain").click().run()
    command, arguments, study = launched[0]
    assert (command, study, len(arguments["arms"])) == ("retrains", "demo", 15)
    assert arguments["arms"][0]["action"] == "baseline"
    assert arguments["arms"][1]["attribution"] == attribution


def test_retrain_tells_of_a_missing_baseline(cache: Path) -> None:
    for folder in (cache / "demo" / "retrains").glob("baseline*"):
        if folder.is_dir():
            shutil.rmtree(folder)
    at = go("pages/5_Retrain.py")
    assert not at.exception
    assert "has no baseline yet" in words(at)
