"""What `Share` gives: a link that reopens the view, pictures, pages, tables, and a finding that opens offline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Download, Locator, Page, expect

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / ".venv" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE = 60_000  # ms: the first page of a server imports everything
VIEW = "Heads?study=demo&head=L0H1&step=10&probe=previous_token&score=copying"


@pytest.fixture
def heads(page: Page, filled_server: str) -> Page:
    """A view of the page of heads that is nobody's default."""
    opened(page, f"{filled_server}/{VIEW}")
    return page


def opened(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="Heads", exact=True)).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_test_id("stSidebar").get_by_text("Share", exact=True)).to_be_visible(timeout=PATIENCE)


def share(page: Page) -> Locator:
    """The box in the sidebar, opened."""
    box = page.get_by_test_id("stSidebar").get_by_test_id("stExpander").filter(has_text="Share")
    if box.locator("details").get_attribute("open") is None:
        box.locator("summary").click()
    expect(box.get_by_test_id("stCode")).to_be_visible()
    return box


def link(page: Page) -> str:
    return share(page).get_by_test_id("stCode").inner_text().strip()


def choose(page: Page, label: str) -> None:
    """One of the formats of the box."""
    share(page).get_by_role("radio", name=label, exact=True).click()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)


def saved(page: Page, label: str, folder: Path) -> Path:
    """Click a button of the box and keep the file under the name that it suggests."""
    button = share(page).get_by_role("button", name=label)
    with page.expect_download(timeout=PATIENCE) as begun:
        button.click()
    return kept(begun.value, folder)


def kept(download: Download, folder: Path) -> Path:
    path = folder / download.suggested_filename
    download.save_as(path)
    return path


@contextmanager
def offline(browser: Browser, path: Path, **settings: object) -> Iterator[Page]:
    """A file in a browser without network; nothing may be asked for, blocked or broken."""
    context = browser.new_context(offline=True, **settings)  # type: ignore[arg-type]
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on(
        "request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else troubles.append(r.url)
    )
    opened.goto(path.as_uri())
    yield opened
    context.close()
    assert not troubles


def test_the_link_reopens_the_view_in_another_browser_on_another_server(
    heads: Page, browser: Browser, serve: Callable[[Path], str], filled_cache: Path
) -> None:
    told = link(heads)
    assert "/Heads?" in told
    fresh = serve(filled_cache)
    context = browser.new_context()
    again = context.new_page()
    opened(again, fresh + told[told.index("/Heads?") :])
    for label, value in (
        ("Study", "demo"),
        ("Head", "L0H1"),
        ("Probe", "previous_token"),
        ("Head score", "copying"),
    ):
        expect(again.get_by_role("combobox", name=label, exact=True)).to_have_value(value)
    assert link(again).partition("/Heads?")[2] == told.partition("/Heads?")[2]
    assert "step=10" in told
    context.close()


def test_the_camera_saves_png_and_once_chosen_svg(heads: Page, tmp_path: Path) -> None:
    def photographed() -> Path:
        chart = heads.get_by_test_id("stPlotlyChart").first
        chart.hover()
        with heads.expect_download(timeout=PATIENCE) as begun:
            chart.locator(".modebar-btn").first.click()
        return kept(begun.value, tmp_path)

    picture = photographed()
    assert picture.suffix == ".png"
    assert picture.name.startswith("demo-L0H1-heads")
    assert picture.read_bytes().startswith(b"\x89PNG")
    choose(heads, "SVG")
    drawing = photographed()
    assert drawing.suffix == ".svg"
    assert drawing.read_text().startswith("<svg")


def test_a_figure_as_html_opens_without_network(heads: Page, browser: Browser, tmp_path: Path) -> None:
    path = saved(heads, "heads-history.html", tmp_path)
    assert path.name == "demo-L0H1-heads-history.html"
    with offline(browser, path) as alone:
        expect(alone.locator(".main-svg").first).to_be_visible()
        assert alone.locator(".scatterlayer .trace").count() > 0


def test_tables_read_back_equal(heads: Page, filled_cache: Path, tmp_path: Path) -> None:
    csv = saved(heads, "head-scores.csv", tmp_path)
    choose(heads, "Parquet")
    parquet = saved(heads, "head-scores.parquet", tmp_path)
    assert (csv.name, parquet.name) == ("demo-L0H1-head-scores.csv", "demo-L0H1-head-scores.parquet")
    stored = pd.read_parquet(filled_cache / "demo" / "heads" / "head_scores.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(parquet), stored)
    pd.testing.assert_frame_equal(pd.read_csv(csv), stored)


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (800, "dark")])
def test_a_finding_opens_offline_with_its_data(
    heads: Page, browser: Browser, filled_cache: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    path = saved(heads, "Export a finding", tmp_path)
    assert path.name == "demo-L1H1-finding.html"
    with offline(browser, path, viewport={"width": width, "height": 900}, color_scheme=scheme) as alone:
        expect(alone.locator(".main-svg").first).to_be_visible()
        assert alone.title() == alone.locator("h1").inner_text()
        assert alone.locator(".plot .main-svg").count() >= alone.locator(".plot").count() > 2
        wide = alone.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
        bright = alone.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (bright == "rgb(255, 255, 255)") == (scheme == "light")
        with alone.expect_download() as begun:
            alone.get_by_role("link", name="scores.csv", exact=True).click()
        scores = pd.read_csv(kept(begun.value, tmp_path))
        with alone.expect_download() as begun:
            alone.locator(".modebar-btn").first.click(force=True)
        assert kept(begun.value, tmp_path).read_text().startswith("<svg")
    stored = pd.read_parquet(next((filled_cache / "demo" / "attributions").glob("*/scores.parquet")))
    expected = stored.sort_values("row", ignore_index=True).astype({"kind": "str"})  # text has no categories
    pd.testing.assert_frame_equal(scores[list(stored.columns)], expected, rtol=1e-6, check_dtype=False)  # of fp32


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_finding_has_no_serious_violation(heads: Page, browser: Browser, tmp_path: Path, scheme: str) -> None:
    assert AXE.exists(), "axe-core is missing: make .venv/axe"
    path = saved(heads, "Export a finding", tmp_path)
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(path.as_uri())
    expect(page.locator(".main-svg").first).to_be_visible()
    page.add_script_tag(path=AXE)
    found = page.evaluate("async () => (await axe.run()).violations.map(v => [v.impact, v.id, v.nodes[0].html])")
    context.close()
    assert not [one for one in found if one[0] in ("serious", "critical")]


def test_with_the_keyboard_alone(heads: Page, tmp_path: Path) -> None:
    heads.get_by_test_id("stSidebar").locator("summary").filter(has_text="Share").focus()
    heads.keyboard.press("Enter")
    expect(heads.get_by_test_id("stSidebar").get_by_test_id("stCode")).to_be_visible()
    for _ in range(15):
        heads.keyboard.press("Tab")
        if heads.evaluate("document.activeElement.innerText").endswith("head-scores.csv"):
            break
    with heads.expect_download(timeout=PATIENCE) as begun:
        heads.keyboard.press("Enter")
    assert kept(begun.value, tmp_path).name == "demo-L0H1-head-scores.csv"
