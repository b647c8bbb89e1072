"""A server over a cache, and a page of a real Chromium that notes what it should not see."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from filled import fill
from playwright.sync_api import Browser, Page, sync_playwright

CHECKOUT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """Start the explorer over a cache; returns its address. All servers end with the session."""
    started: list[subprocess.Popen[bytes]] = []

    def start(cache: Path) -> str:
        port = free_port()
        command = [sys.executable, "-m", "mda.ui.serve", "app.py", "--server.port", str(port)]
        environment = {**os.environ, "MDA_CACHE": str(cache)}
        started.append(
            subprocess.Popen(
                [*command, "--server.fileWatcherType", "none"],
                cwd=CHECKOUT,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        address = f"http://localhost:{port}"
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
            except OSError:
                time.sleep(0.1)
            else:
                return address
        raise AssertionError("the server did not start")

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(10)


@pytest.fixture(scope="session")
def filled_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filled cache; only to be read."""
    cache = tmp_path_factory.mktemp("browser") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MDA_CACHE", str(cache))
        fill(cache)
    return cache


@pytest.fixture(scope="session")
def filled_server(serve: Callable[[Path], str], filled_cache: Path) -> str:
    """A server over the filled cache."""
    return serve(filled_cache)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that must ask nothing of another host."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    opened = context.new_page()
    elsewhere: list[str] = []

    def note(url: str) -> None:
        if not url.startswith(("http://localhost:", "ws://localhost:", "data:", "blob:")):
            elsewhere.append(url)

    opened.on("request", lambda request: note(request.url))
    yield opened
    context.close()
    assert not elsewhere
