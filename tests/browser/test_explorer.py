"""The explorer as a person meets it: pages at two widths, links, clicks, and the demo that builds itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

TITLES = {"": "demo", "Heads": "Heads", "Influence": "Influence", "Retrain": "Retrain"}
PATIENCE = 60_000  # ms: the first page of a server imports everything


def opened(page: Page, address: str, title: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)


def chosen(page: Page, label: str) -> str:
    return page.get_by_role("combobox", name=label, exact=True).input_value()


@pytest.mark.parametrize("width", [1400, 800])
@pytest.mark.parametrize("path", TITLES)
def test_every_page_is_whole(page: Page, filled_server: str, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, f"{filled_server}/{path}", TITLES[path])
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stHtml" if path == "Influence" else "stPlotlyChart").first).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


def test_a_link_opens_what_it_says(page: Page, filled_server: str) -> None:
    opened(page, f"{filled_server}/Heads?head=L0H1&step=10&score=copying", "Heads")
    assert chosen(page, "Head") == "L0H1"
    assert chosen(page, "Head score") == "copying"
    expect(page.get_by_text("step 10", exact=True).first).to_be_visible()
    assert "head=L0H1" in page.url


def test_a_click_on_the_grid_chooses_the_head(page: Page, filled_server: str) -> None:
    opened(page, f"{filled_server}/Heads?head=L0H1", "Heads")
    square = page.locator(".scatterlayer .trace").first.locator(".points path").nth(3)  # L1H1
    place = square.bounding_box()
    assert place is not None
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    expect(page.get_by_role("combobox", name="Head", exact=True)).to_have_value("L1H1", timeout=PATIENCE)


def test_choices_move_along_with_the_links_of_the_sidebar(page: Page, filled_server: str) -> None:
    opened(page, f"{filled_server}/Heads?head=L0H1", "Heads")
    page.get_by_test_id("stSidebar").get_by_text("Retrain").click()
    expect(page.get_by_role("heading", name="Retrain", exact=True)).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("combobox", name="Head", exact=True)).to_have_value("L0H1", timeout=PATIENCE)


def test_the_demo_starts_by_itself_can_be_stopped_and_waits(
    page: Page, serve: Callable[[Path], str], tmp_path: Path
) -> None:
    address = serve(tmp_path / "cache")
    opened(page, address, "Which training rows built an induction head?")
    expect(page.get_by_text("Building the demo: ").first).to_be_visible(timeout=PATIENCE)
    page.get_by_test_id("stMain").get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Building the demo was cancelled")).to_be_visible(timeout=PATIENCE)
    page.reload()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=PATIENCE)
    assert len(list((tmp_path / "cache" / "jobs").glob("*-demo-*"))) == 1
