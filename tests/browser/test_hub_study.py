"""A study of the hub in a real browser: all pages on what is fetched as it is needed, then without a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import HubServer
from playwright.sync_api import Page, expect
from tiny_pythia import tiny_pythia

from mda.progress import Progress
from mda.workflows.registry import HANDLERS

pytestmark = pytest.mark.browser

PATIENCE = 60_000  # ms
STUDY = "pythia-14m"
PAGES = ("Heads", "Attention", "Influence", "Row", "Retrain")


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer() as server, pytest.MonkeyPatch.context() as patch:
        tiny_pythia(server)
        patch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture(scope="module")
def hub_cache(hub: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Pythia added from the hub, two checkpoints scored and a few rows of each step attributed."""
    cache = tmp_path_factory.mktemp("hub") / "cache"

    def work(command: str, **arguments: Any) -> None:
        HANDLERS[command]({"study": STUDY, **arguments}, Progress())

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MDA_CACHE", str(cache))
        work("add-study", repo=f"EleutherAI/{STUDY}")
        work("heads", steps=[512, 1000])
        work(
            "attribute", steps=[512], head="L2H1", through="all", rows=[0, 4096], per_step=8, fit_rows=16,
            probe_sequences=16,
        )  # fmt: skip
    return cache


@pytest.fixture(scope="module")
def hub_explorer(serve: Callable[[Path], str], hub_cache: Path) -> str:
    return serve(hub_cache)


def opened(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_test_id("stSidebar").get_by_text("MDA explorer")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_every_page_shows_a_study_of_the_hub(page: Page, hub_explorer: str) -> None:
    opened(page, f"{hub_explorer}/?study={STUDY}")
    expect(page.get_by_role("heading", name=STUDY).first).to_be_visible(timeout=PATIENCE)
    for name in PAGES:
        opened(page, f"{hub_explorer}/{name}?study={STUDY}&head=L2H1&step=512")
        expect(page.get_by_role("heading", name=re.compile(f"^{name}")).first).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)


def test_a_checkpoint_that_is_elsewhere_is_offered_and_brought(page: Page, hub_explorer: str) -> None:
    opened(page, f"{hub_explorer}/Attention?study={STUDY}&head=L2H1&step=256")
    expect(page.get_by_text("not on this machine").first).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Download").first.click()
    expect(page.get_by_text("not on this machine")).to_have_count(0, timeout=2 * PATIENCE)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_without_a_network_what_is_here_is_shown_and_the_rest_is_told(
    page: Page, hub: HubServer, hub_explorer: str, hub_cache: Path
) -> None:
    hub.stop()
    try:
        opened(page, f"{hub_explorer}/Influence?study={STUDY}&head=L2H1&step=512")
        expect(page.get_by_role("heading", name="Influence", exact=True)).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("promote", exact=False).first).to_be_visible(timeout=PATIENCE)
        opened(page, f"{hub_explorer}/Row?study={STUDY}&head=L2H1&step=512&row=777")
        expect(page.get_by_text("cannot be reached", exact=False).first).to_be_visible(timeout=2 * PATIENCE)
    finally:
        hub.start()
