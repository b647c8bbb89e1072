"""The newcomer's journey on an empty cache: the demo builds itself, watched, and then tells its story."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE = 60_000  # ms
BUILD = 20 * 60_000  # minutes of compute, on a machine that may be busy


def test_a_newcomer_sees_a_head_being_born_and_reads_what_built_it(
    page: Page, serve: Callable[[Path], str], tmp_path: Path
) -> None:
    address = serve(tmp_path / "cache")
    page.goto(address)
    expect(page.get_by_text("Building the demo: ").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible(timeout=BUILD)  # curves while it trains
    expect(page.get_by_text("Building the demo: ").first).to_be_visible()
    expect(page.get_by_text("Building the demo: ")).to_have_count(0, timeout=BUILD)
    expect(page.get_by_text("Induction heads: ").first).to_be_visible(timeout=PATIENCE)
    # first, because the heading of the run before may stay while the story learns of its first attribution
    expect(page.get_by_role("heading", name="What built").first).to_be_visible(timeout=PATIENCE)

    links = page.get_by_test_id("stSidebar")
    for name, shown in (("Heads", "stPlotlyChart"), ("Influence", "stHtml"), ("Retrain", "stExpander")):
        links.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_test_id(shown).first).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_test_id("stException")).to_have_count(0)
