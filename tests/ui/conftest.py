"""Caches for the pages: one with a tiny study in it, and an empty one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filled import fill
from influencing import forget

from mda.jobs.files import Job, new_job
from mda.ui.frame import jobs_panel


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The cache and the attribution's id, made once; tests work on a copy."""
    cache = tmp_path_factory.mktemp("ui") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MDA_CACHE", str(cache))
        return cache, fill(cache)


@pytest.fixture
def cache(filled: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the filled cache, in use."""
    copy = tmp_path / "cache"
    shutil.copytree(filled[0], copy)
    monkeypatch.setenv("MDA_CACHE", str(copy))
    return copy


@pytest.fixture
def attribution(filled: tuple[Path, str]) -> str:
    """Id of the attribution in the filled cache."""
    return filled[1]


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without anything, in use."""
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "empty"))
    return tmp_path / "empty"


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any], str]]:
    """What pages launch, instead of launching it: the job stays queued."""
    found: list[tuple[str, dict[str, Any], str]] = []

    def launch(command: str, arguments: dict[str, Any], study: str) -> Job:
        found.append((command, arguments, study))
        return new_job(command, arguments, study)

    monkeypatch.setattr(jobs_panel, "launch", launch)
    return found


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing kept in memory: for tests that change what is stored without changing what identifies it."""
    forget()
    yield
    forget()
