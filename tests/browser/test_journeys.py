"""What people come for, click by click: from a head to its rows to the proof; and a read-only visit."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

PATIENCE = 60_000  # ms: the first page of a server imports everything
TRAINING = 240_000  # ms: some arms of the tiny study


def settled(page: Page, heading: str | re.Pattern[str]) -> None:
    expect(page.get_by_role("heading", name=heading, exact=isinstance(heading, str)).first).to_be_visible(
        timeout=PATIENCE
    )
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def files(folder: Path) -> set[tuple[str, int, int]]:
    """Everything in a folder, with size and time of change."""
    return {
        (str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")
    }


def click_square(page: Page, number: int) -> None:
    """Click a square of the grid, as soon as the figures have taken their places."""
    square = page.locator(".scatterlayer .trace").first.locator(".points path").nth(number)
    before = None
    for _ in range(100):
        place = square.bounding_box() if square.count() else None
        if place is not None and place == before:
            page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
            return
        before = place
        page.wait_for_timeout(300)
    raise AssertionError("the grid does not come to rest")


def test_from_a_head_to_its_rows_to_the_proof(
    page: Page, serve: Callable[[Path], str], filled_cache: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(filled_cache, cache)
    address = serve(cache)

    # find a head
    page.goto(f"{address}/Heads?head=L0H0")
    settled(page, "Heads")
    click_square(page, 3)
    expect(page).to_have_url(re.compile("head=L1H1"), timeout=PATIENCE)

    # see its attention
    page.get_by_role("link", name="See its attention").click()
    settled(page, "Attention")
    expect(page.get_by_text("copy 2").first).to_be_visible(timeout=PATIENCE)

    # read its top rows, open one
    page.get_by_test_id("stSidebar").get_by_role("link", name="Influence").click()
    settled(page, "Influence")
    card = page.get_by_role("link", name=re.compile(r"^row \d+$")).first
    number = re.sub(r"\D", "", card.inner_text())
    card.click()
    settled(page, re.compile(f"^Row {number}$"))
    assert "head=L1H1" in page.url
    expect(page.get_by_text("promotes").first).to_be_visible()

    # pick it, remove it
    page.go_back()
    settled(page, "Influence")
    page.get_by_role("checkbox", name=f"Pick row {number}").check(force=True)
    expect(page.get_by_text("1 row picked")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="Retrain without these rows").click()
    settled(page, "Retrain")
    assert f"picked={number}" in page.url
    launch = page.get_by_role("button", name=re.compile("^(Train|Retrain)")).first
    expect(launch).to_be_enabled(timeout=PATIENCE)
    launch.dblclick()

    # compare: what was launched is shown by itself when it is there
    chosen = page.get_by_text("Remove 1 row picked by hand").first
    expect(chosen).to_be_visible(timeout=TRAINING)
    expect(page.get_by_text("No job is running.")).to_be_visible(timeout=TRAINING)
    settled(page, "Retrain")
    assert len(list((cache / "jobs").glob("*-retrains-*"))) == 1  # the double click launched it once
    assert list((cache / "demo" / "retrains").glob("remove-rows_*"))


def test_a_read_only_visit_sees_all_and_changes_nothing(
    page: Page, serve: Callable[[Path], str], filled_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(filled_cache, cache)
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    address = serve(cache)
    before = files(cache)
    for path, heading in (
        ("", "demo"),
        ("Heads", "Heads"),
        ("Attention", "Attention"),
        ("Influence?tokens=on", "Influence"),
        ("Row?row=50", re.compile("^Row 50$")),
        ("Retrain", "Retrain"),
    ):
        page.goto(f"{address}/{path}")
        settled(page, heading)
        expect(page.get_by_text("This explorer is read-only").first).to_be_visible(timeout=PATIENCE)
        for name in ("Attribute", "Train", "Retrain", "Score the missing", "Resume", "Cancel"):
            expect(page.get_by_role("button", name=re.compile(f"^{name}"))).to_have_count(0)
    assert files(cache) == before
