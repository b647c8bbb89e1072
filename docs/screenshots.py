"""The README's pictures, taken from the running explorer.   MDA_CACHE=… python -m docs.screenshots

Needs Chromium and a cache with the demo, an attribution of it and retrains. Each picture is a link; what it shows
is whatever the cache holds.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.session import server
from mda.store.paths import cache_root
from mda.studies.attributions import list_attributions

FOLDER = Path(__file__).parent
WIDTH, HEIGHT = 1400, 900
PATIENCE = 120_000  # ms


def links() -> dict[str, str]:
    """Where each picture is taken, by its file's name; row and head are those of the newest attribution."""
    found = next(one for one in list_attributions("demo") if one.manifest.spec["probe"] == "prefix_matching")
    row = int(found.ranked(1)["row"].iloc[0])
    view = f"study=demo&head={found.manifest.spec['heads'][0]}"
    return {
        "story": f"?{view}",
        "heads": f"Heads?{view}&step=700",
        "attention": f"Attention?{view}",
        "influence": f"Influence?{view}&attribution={found.id}",
        "row": f"Row?{view}&attribution={found.id}&row={row}",
        "retrain": f"Retrain?{view}&attribution={found.id}",
    }


def still(page: Page) -> None:
    """Wait until the page's script has ended and its figures are drawn."""
    page.get_by_test_id("stSidebar").get_by_role("combobox").first.wait_for(timeout=PATIENCE)
    page.wait_for_timeout(1500)
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')", timeout=PATIENCE)
    page.wait_for_timeout(1500)


def main() -> None:
    """Take every picture, light, and the first one dark as well."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is not installed; the pictures are taken with it.")
    with server(cache_root()) as (address, _), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for scheme, ending, names in (("light", "", list(links())), ("dark", "-dark", ["story", "attention"])):
            context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)  # type: ignore[arg-type]
            page = context.new_page()
            for name in names:
                page.goto(f"{address}/{links()[name]}")
                still(page)
                page.screenshot(path=FOLDER / f"{name}{ending}.png")
                print(f"docs/{name}{ending}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
