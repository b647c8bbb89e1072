"""A cache with one tiny study, made by the real code: head scores, an attribution and four retrains."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from building import tiny_study

from mda.progress import Progress
from mda.workflows.attribute import attribute
from mda.workflows.attribution_task import AttributeRequest
from mda.workflows.head_scores import HeadsRequest, score_heads
from mda.workflows.retrain import RetrainRequest, retrain

NAME = "demo"  # so that no page starts to build the real one


def fill(cache: Path, name: str = NAME) -> str:
    """Make the study with everything a page can show; returns the attribution's id. Needs `MDA_CACHE`."""
    tiny_study(cache, name)
    score_heads(HeadsRequest(study=name), Progress())
    asked = AttributeRequest(
        study=name, steps=(10, 20), head="L1H1", through="all", rows=(40, 80), fit_rows=16, probe_sequences=16
    )
    attribution = str(attribute(asked, Progress())["id"])
    window = {"study": name, "from_step": 10, "to_step": 16, "until": 20, "every": 2}
    chosen = {"select": "top", "fraction": 0.2, "attribution": attribution}
    for replicate in (0, 1):
        retrain(RetrainRequest(**window, action="baseline", replicate=replicate), Progress())
        retrain(RetrainRequest(**window, **chosen, action="remove", replicate=replicate), Progress())
    return attribution


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
