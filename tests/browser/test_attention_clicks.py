"""The page of attention in a browser: it follows what is clicked in its pictures and played in its viewer."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

PATIENCE = 60_000  # ms


def opened(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("button", name="L0H0, prefix matching")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".token").first).to_be_visible(timeout=PATIENCE)


def test_the_page_follows_what_is_clicked_and_played(page: Page, filled_server: str) -> None:
    opened(page, f"{filled_server}/Attention?source=row&row=7&head=L1H1&birth=yes")
    page.locator(".token").nth(9).click()
    page.get_by_role("button", name="L0H1, prefix matching").click()
    expect(page.get_by_role("combobox", name="Head", exact=True)).to_have_value("L0H1", timeout=PATIENCE)
    expect(page.locator(".title")).to_have_text("L0H1", timeout=PATIENCE)
    expect(page.locator(".looks")).to_contain_text("token 9 ")  # the place is kept from head to head
    page.get_by_role("slider", name="Step shown").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("heading", name="All heads at step 10")).to_be_visible(timeout=PATIENCE)
    assert "step=10" in page.url
    assert "head=L0H1" in page.url
    page.reload()
    expect(page.locator(".step")).to_contain_text("step 10 ", timeout=PATIENCE)
    expect(page.get_by_role("link", name="All about row 7")).to_be_visible()


@pytest.mark.parametrize("width", [1400, 800])
def test_two_panes_fit(page: Page, filled_server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, f"{filled_server}/Attention?source=random&head=L1H1&versus=step:0")
    expect(page.locator(".strip")).to_have_count(2)
    places = [page.locator(".strip").nth(number).bounding_box() for number in (0, 1)]
    assert all(place is not None and place["width"] >= 400 for place in places)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.locator(".strip").first.locator(".token").nth(5).hover()
    for pane in (0, 1):
        expect(page.locator(".looks").nth(pane)).to_contain_text("token 5 ")
