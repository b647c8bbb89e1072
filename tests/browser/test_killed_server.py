"""A server that is killed in the middle of a job: the job goes on, and the next server's page finds it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

CHECKOUT = Path(__file__).parents[2]
PATIENCE = 60_000  # ms: the first page of a server imports everything


class Server:
    """A server of the test's own, on a port that stays when it is started again."""

    def __init__(self, cache: Path) -> None:
        with closing(socket.socket()) as found:
            found.bind(("127.0.0.1", 0))
            self.port = int(found.getsockname()[1])
        self.address = f"http://localhost:{self.port}"
        self.cache = cache

    def start(self) -> None:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--server.fileWatcherType", "none"],
            cwd=CHECKOUT,
            env={**os.environ, "MDA_CACHE": str(self.cache)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=1)
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server over an empty cache, whose first page starts to build the demo; nothing is left running."""
    server = Server(tmp_path / "cache")
    server.start()
    yield server
    server.kill()
    for path in (tmp_path / "cache" / "jobs").glob("*/status.json"):
        number = json.loads(path.read_bytes())["pid"]
        if number is not None and psutil.pid_exists(number):
            psutil.Process(number).kill()


def status(cache: Path) -> dict[str, Any]:
    """What the only job says of itself."""
    (path,) = (cache / "jobs").glob("*/status.json")
    return json.loads(path.read_bytes())


def wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.1)


def test_the_job_goes_on_and_is_found_and_stopped_by_the_next_server(page: Page, server: Server) -> None:
    cache = server.cache
    page.goto(server.address)
    expect(page.get_by_text("Building the demo: ").first).to_be_visible(timeout=PATIENCE)
    wait(lambda: status(cache)["done"] > 0)
    server.kill()
    before = status(cache)
    assert before["state"] == "running"
    wait(lambda: (status(cache)["stage"], status(cache)["done"]) != (before["stage"], before["done"]))
    assert status(cache)["pid"] == before["pid"]

    server.start()
    page.goto(server.address)
    expect(page.get_by_text("Building the demo: ").first).to_be_visible(timeout=PATIENCE)
    assert len(list((cache / "jobs").glob("*-demo-*"))) == 1
    assert status(cache)["pid"] == before["pid"]
    page.get_by_test_id("stMain").get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Building the demo was cancelled")).to_be_visible(timeout=PATIENCE)
    wait(lambda: not psutil.pid_exists(before["pid"]))
    assert status(cache)["state"] == "cancelled"
