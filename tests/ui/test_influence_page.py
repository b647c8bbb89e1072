"""The page of influence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pages import go, words


@pytest.mark.usefixtures("cache")
def test_influence_shows_rows_of_both_sides(attribution: str) -> None:
    at = go("pages/3_Influence.py", show="3", tokens="true")
    assert not at.exception
    shown = [str(element.proto.body) for element in at.get("html")]
    assert sum("repeated · row" in body for body in shown) == 6
    assert sum("background: rgba" in body and "title=" in body for body in shown) == 6
    assert attribution in at.selectbox(key="attribution").options


def test_influence_without_attributions_has_its_form_and_launches(cache: Path, launched: list) -> None:
    shutil.rmtree(cache / "demo" / "attributions")
    at = go("pages/3_Influence.py")
    assert "has no attribution yet" in words(at)
    next(button for button in at.button if button.label == "Attribute").click().run()
    assert not at.exception
    command, arguments, study = launched[0]
    assert (command, study) == ("attribute", "demo")
    assert arguments["steps"] == [20]
    assert arguments["rows"] == [0, 80]
    assert arguments["through"] == "all"
