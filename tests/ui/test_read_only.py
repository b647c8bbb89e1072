"""A read-only explorer: everything to be seen, nothing to be started or written, nothing told of this machine."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Node

from mda.jobs import launch
from mda.jobs.files import Job, JobStatus, new_job
from mda.ui.frame.public import public
from pages import go, home, stopped_job, words

PAGES = tuple(f"pages/{name}.py" for name in ("1_Heads", "2_Attention", "3_Influence", "4_Row", "5_Retrain"))
ACTS = re.compile(r"cancel|resume|attribute|retrain|score|build|launch|start|again", re.IGNORECASE)


def listing(root: Path) -> dict[str, tuple[int, int, int]]:
    """Every file and folder below `root`, with its mode, size and time of change."""
    facts = {path: path.lstat() for path in root.rglob("*")}
    return {str(path): (one.st_mode, one.st_size, one.st_mtime_ns) for path, one in facts.items()}


def everything(node: Node) -> str:
    """All that the browser is given of a part of a page."""
    if isinstance(node, Block):
        return " ".join([str(node.proto), *map(everything, node.children.values())])
    return str(getattr(node, "proto", ""))


def told(at: AppTest) -> str:
    return everything(at.main) + everything(at.sidebar)


@pytest.fixture
def jobs(cache: Path) -> tuple[Job, Job]:
    """A job that runs, and one that failed with a path in its cause and in its log."""
    running = new_job("attribute", {"study": "demo"}, "demo")
    me = psutil.Process()
    running.write_status(
        JobStatus(
            state="running", fraction=0.4, heartbeat=time.time(), pid=me.pid, process_started=me.create_time()
        )
    )
    failed = stopped_job("heads", "failed", f"the table {cache}/demo/heads/head_scores.parquet is broken")
    failed.log_path.write_text(f"File {cache}/somewhere.py\n")
    return running, failed


@pytest.fixture
def locked(cache: Path, jobs: tuple[Job, Job], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The filled cache with those jobs, open read-only, and its folders closed by their permissions too."""

    def refuse(*arguments: object, **settings: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(launch.subprocess, "Popen", refuse)
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    folders = [path for path in (cache, *cache.rglob("*")) if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    yield cache
    for folder in folders:
        folder.chmod(0o755)


def test_a_tour_of_every_page_changes_nothing_and_offers_no_act(locked: Path, attribution: str) -> None:
    before = listing(locked)
    at = home()
    views = [{}, {"attribution": attribution, "head": "L1H1", "tokens": "1"}, {"row": "41", "step": "10"}]
    for view in views:
        for page in ("app.py", *PAGES):
            for key, value in view.items():
                at.query_params[key] = value
            at = at.switch_page(page).run()
            assert not at.exception
            assert not [button.label for button in at.button if ACTS.search(button.label)]
            assert str(locked) not in told(at)
    assert listing(locked) == before


def test_the_same_pages_offer_acts_and_tell_paths_where_writing_is_allowed(
    cache: Path, jobs: tuple[Job, Job]
) -> None:
    """Or the tour would prove nothing."""
    at = go(PAGES[0])
    assert [button.label for button in at.button if ACTS.search(button.label)]
    assert str(cache) in told(at)


@pytest.mark.usefixtures("locked")
def test_jobs_are_shown_without_their_buttons_and_logs() -> None:
    at = go(PAGES[0])
    assert "Scoring heads failed at 40 %: the table …/head" in words(at).replace("\\", "")
    assert "Attributing" in " ".join(element.value for element in at.sidebar.caption)
    assert {button.label for button in at.button} & {"Cancel", "Resume", "Dismiss"} == {"Dismiss"}
    assert not at.code or "somewhere" not in " ".join(element.value for element in at.code)


def test_without_a_study_nothing_is_built(
    empty_cache: Path, launched: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    for at in (home(), go(PAGES[2])):
        assert not at.exception
        assert not [button.label for button in at.button if ACTS.search(button.label)]
    assert not launched
    assert not empty_cache.exists()


def test_a_broken_study_is_told_without_its_place(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "demo" / "study" / "manifest.json").write_text("{}")
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    at = home()
    assert "is not a whole artefact" in words(at)
    assert str(cache) not in told(at)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("/srv/mda cache/demo is gone", "…/mda cache/demo is gone"),
        ("cannot read '/srv/cache/x.bin' (no), see /var/log/a.txt.", "cannot read '…/x.bin' (no), see …/a.txt."),
        ("rows 3/4 and a/b stay, http://localhost/x too", "rows 3/4 and a/b stay, http://localhost/x too"),
    ],
)
def test_folders_are_left_out_only_where_anybody_may_look(
    message: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert public(message) == message
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    assert public(message) == shown
