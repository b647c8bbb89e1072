"""Seconds from starting the server to the first page's text and figure.   python -m benchmarks.first_paint

In a real headless Chromium that is open already, over the cache's demo; the server is started anew for every run.
"""

from __future__ import annotations

import shutil
import sys
import time

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.session import server
from mda.store.paths import cache_root

RUNS = 5
PATIENCE = 60_000  # ms


def main() -> None:
    """Print the median and the range."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is not installed; the page is opened in it.")
    text, figure = [], []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(RUNS):
            page = browser.new_context().new_page()
            begun = time.perf_counter()
            with server(cache_root()) as (address, _):
                page.goto(address)
                page.get_by_text("training rows of").first.wait_for(timeout=PATIENCE)
                text.append(time.perf_counter() - begun)
                page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=PATIENCE)
                figure.append(time.perf_counter() - begun)
            page.context.close()
        browser.close()
    for name, seconds in (("first text", text), ("first figure", figure)):
        print(f"{name}: median {np.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f}), {RUNS} runs")


if __name__ == "__main__":
    main()
