"""Running jobs on a page: their progress, and a cancel that returns at once and shows that it is under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from mda.jobs import launch
from mda.jobs.files import Job, JobStatus, new_job
from pages import go, home

HEADS = "pages/1_Heads.py"


@pytest.fixture
def running(cache: Path) -> Job:
    """A job that scores heads, with this process for its own."""
    job = new_job("heads", {"study": "demo"}, "demo")
    me = psutil.Process()
    alive = {"heartbeat": time.time(), "pid": me.pid, "process_started": me.create_time()}
    job.write_status(JobStatus(state="running", stage="heads", fraction=0.4, seconds_left=125.0, **alive))
    return job


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A stop that takes until the event is set."""
    event = threading.Event()
    monkeypatch.setattr(launch, "cancel", lambda job, grace: event.wait(20))
    yield event
    event.set()


def bars(at: AppTest) -> list[str]:
    return [str(bar.text) for bar in at.get("progress")]


def test_progress_and_time_left_on_the_page_and_in_the_sidebar(running: Job) -> None:
    at = go(HEADS)
    assert not at.exception
    line = "heads, 40 %, about 2 min left"
    assert sorted(bars(at)) == [f"**Scoring heads**: {line}", line]


def test_cancelling_returns_at_once_and_says_that_it_stops(running: Job, held: threading.Event) -> None:
    at = go(HEADS)
    begun = time.monotonic()
    at.button(key=f"cancel-{running.id}").click().run()
    assert time.monotonic() - begun < 3  # a run of the page, and not of the stop
    assert running.cancel_path.exists()
    assert all("stopping" in text for text in bars(at))
    assert at.button(key=f"cancel-{running.id}").disabled
    assert at.button(key=f"cancel-side-{running.id}").disabled
    held.set()
    while launch.being_stopped(running):
        time.sleep(0.01)
    at.run()
    assert not at.button(key=f"cancel-{running.id}").disabled  # it has not worked: ask again


def test_a_stop_asked_for_elsewhere_is_shown_too(running: Job) -> None:
    running.cancel_path.touch()
    at = home()
    assert any("stopping" in text for text in bars(at))
