"""The first page: the demo being built, several studies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mda.store.tables import append_jsonl
from mda.ui.frame import jobs_panel
from pages import home, stopped_job, words


def test_the_demo_is_started_once(empty_cache: Path, launched: list) -> None:
    at = home()
    assert not at.exception
    assert [(command, study) for command, _, study in launched] == [("demo", "demo")]
    at.run()
    at.run()
    assert len(launched) == 1
    assert "Building the demo" in " ".join(str(bar.text) for bar in at.get("progress"))


@pytest.mark.parametrize("state", ["failed", "cancelled", "interrupted"])
def test_a_stopped_demo_waits_for_its_user(
    state: str, empty_cache: Path, launched: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stopped_job("demo", state, "the disk is full")
    append_jsonl(job.metrics_path, {"step": 100, "loss": 4.0, "L0H1.prefix_matching": 0.1})
    resumed: list[str] = []
    monkeypatch.setattr(jobs_panel, "resume", lambda job: resumed.append(job.id))
    at = home()
    assert not at.exception
    assert not launched
    assert "at 40 %" in words(at)
    assert ("the disk is full" in words(at)) == (state != "cancelled")
    at.button(key=f"resume-{job.id}").click().run()
    assert resumed == [job.id]
    at.button(key=f"dismiss-{job.id}").click().run()
    assert "at 40 %" not in words(at)


def test_a_deleted_demo_is_not_built_again_unasked(empty_cache: Path, launched: list) -> None:
    stopped_job("demo", "done")
    at = home()
    assert not launched
    next(button for button in at.button if button.label == "Build the demo again").click().run()
    assert [command for command, *_ in launched] == ["demo"]


def test_several_studies_are_listed(cache: Path) -> None:
    shutil.copytree(cache / "demo", cache / "second")
    at = home()
    assert not at.exception
    assert "**second**" in words(at)
    assert "Other studies" in words(at)
