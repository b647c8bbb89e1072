"""Views as links: in the address bar, from page to page, in another browser, and with the browser's Back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

PATIENCE = 60_000  # ms: the first page of a server imports everything


def settled(page: Page) -> None:
    expect(page.get_by_test_id("stSidebar").get_by_role("combobox", name="Head", exact=True)).to_be_visible(
        timeout=PATIENCE
    )
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)


def head(page: Page) -> str:
    return page.get_by_test_id("stSidebar").get_by_role("combobox", name="Head", exact=True).input_value()


def choose_head(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebar").get_by_role("combobox", name="Head", exact=True).click()
    page.get_by_role("option", name=name, exact=True).click()
    expect(page).to_have_url(re.compile(f"head={name}"), timeout=PATIENCE)
    settled(page)


def follow(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebar").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=PATIENCE)
    settled(page)


def test_a_bare_address_becomes_a_whole_link(page: Page, filled_server: str) -> None:
    page.goto(f"{filled_server}/Heads")
    settled(page)
    whole = re.compile(r"study=demo.*head=L\dH\d.*step=20.*probe=prefix_matching")
    expect(page).to_have_url(whole, timeout=PATIENCE)


def test_choices_go_along_to_other_pages_and_their_addresses(page: Page, filled_server: str) -> None:
    page.goto(f"{filled_server}/Heads?study=demo&head=L0H0&step=10&probe=previous_token")
    settled(page)
    choose_head(page, "L0H1")
    for name in ("Retrain", "Influence", "Heads"):
        follow(page, name)
        assert head(page) == "L0H1"
        expect(page).to_have_url(re.compile(r"head=L0H1.*"), timeout=PATIENCE)
        assert "step=10" in page.url
        assert "probe=previous_token" in page.url


def test_a_link_reopens_in_another_browser(page: Page, browser: Browser, filled_server: str) -> None:
    page.goto(f"{filled_server}/Heads?step=10")
    settled(page)
    choose_head(page, "L0H0")
    context = browser.new_context()
    other = context.new_page()
    other.goto(page.url)
    settled(other)
    assert head(other) == "L0H0"
    assert "step=10" in other.url
    context.close()


def test_back_goes_through_the_choices_and_out(page: Page, filled_server: str) -> None:
    page.goto(f"{filled_server}/_stcore/health")
    page.goto(f"{filled_server}/Heads")
    settled(page)
    first = head(page)
    chosen = next(name for name in ("L0H0", "L0H1") if name != first)
    choose_head(page, chosen)
    page.go_back()
    expect(page).to_have_url(re.compile(f"head={first}"), timeout=PATIENCE)
    box = page.get_by_test_id("stSidebar").get_by_role("combobox", name="Head", exact=True)
    expect(box).to_have_value(first, timeout=PATIENCE)
    for _ in range(6):
        if page.url.endswith("/health"):
            break
        page.go_back()
        page.wait_for_timeout(500)
    assert page.url.endswith("/health")
