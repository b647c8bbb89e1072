"""With `MDA_READ_ONLY` set nothing is built, launched, stopped or scored, and what is there can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from mda.errors import UserError
from mda.jobs.files import list_jobs, new_job
from mda.jobs.launch import ask_to_cancel, cancel, launch, resume
from mda.progress import Progress
from mda.store.artefact import building
from mda.store.paths import read_only, refuse_if_read_only
from mda.studies.study import Study
from mda.workflows.head_scores import HeadsRequest, score_heads


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("value", "closed"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)]
)
def test_what_the_variable_means(value: str | None, closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MDA_READ_ONLY", raising=False)
    if value is not None:
        monkeypatch.setenv("MDA_READ_ONLY", value)
    assert read_only() == closed
    if closed:
        with pytest.raises(UserError, match="read-only"):
            refuse_if_read_only()
    else:
        refuse_if_read_only()


def test_an_artefact_is_read_but_not_built(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with building(cache / "there", "thing", {"a": 1}) as work:
        work.finish({"b": 2})
    before = sorted(cache.rglob("*"))
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    with building(cache / "there", "thing", {"a": 1}) as work:
        assert work.ready
    with pytest.raises(UserError, match="read-only"), building(cache / "missing", "thing", {"a": 1}):
        pytest.fail("must not begin")
    assert sorted(cache.rglob("*")) == before


def test_jobs_are_neither_made_nor_moved(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = new_job("heads", {"study": "demo"}, "demo")
    before = {path: path.lstat().st_mtime_ns for path in cache.rglob("*")}
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    for act in (
        lambda: new_job("heads", {}),
        lambda: launch("heads", {"study": "demo"}),
        lambda: resume(job),
        lambda: cancel(job),
        lambda: ask_to_cancel(job),
    ):
        with pytest.raises(UserError, match="read-only"):
            act()
    assert [one.id for one in list_jobs()] == [job.id]
    assert {path: path.lstat().st_mtime_ns for path in cache.rglob("*")} == before


def test_heads_are_not_scored(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(study.folder.parent.rglob("*"))
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    with pytest.raises(UserError, match="read-only"):
        score_heads(HeadsRequest(study=study.name), Progress())
    assert sorted(study.folder.parent.rglob("*")) == before
