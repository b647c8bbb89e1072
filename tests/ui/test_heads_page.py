"""The page of heads."""

from __future__ import annotations

import shutil
from pathlib import Path

from pages import go, words


def test_heads_page_offers_to_score_missing_checkpoints(cache: Path, launched: list) -> None:
    shutil.rmtree(cache / "demo" / "heads")
    at = go("pages/1_Heads.py")
    assert "No checkpoint has head scores" in words(at)
    next(button for button in at.button if button.label.startswith("Score the missing")).click().run()
    assert launched == [("heads", {"study": "demo", "steps": None, "preset": "varied"}, "demo")]
