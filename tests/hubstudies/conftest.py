"""A hub with the tiny Pythia, and a cache with a study of it, none of whose checkpoints has been downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hub_server import HubServer
from own_hub import own_hub
from tiny_pythia import TinyPythia, tiny_pythia

from mda.studies.hub import add_hub_study
from mda.studies.study import Study


@dataclass
class TinyHub:
    server: HubServer
    tiny: TinyPythia

    def weight_requests(self) -> list[tuple[str, str | None]]:
        """(path, Range header) of the requests that asked for the bytes of weights."""
        return [
            (path, bytes_wanted)
            for method, path, bytes_wanted in self.server.requests
            if method == "GET" and "/storage/" in path and "model" in path.rsplit("/", 1)[1]
        ]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TinyHub]:
    """A hub of this test's own, an empty Hugging Face cache, no token, and no waiting."""
    with own_hub(tmp_path, monkeypatch) as server:
        yield TinyHub(server, tiny_pythia(server))


@pytest.fixture(scope="session")
def added_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the study `pythia-14m`, added once."""
    folder = tmp_path_factory.mktemp("added")
    with pytest.MonkeyPatch.context() as patch, own_hub(folder, patch) as server:
        patch.setenv("MDA_CACHE", str(folder / "cache"))
        tiny_pythia(server)
        add_hub_study("pythia-14m", "EleutherAI/pythia-14m")
    return folder / "cache"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def study(added_cache: Path, cache: Path, hub: TinyHub) -> Study:
    """The study `pythia-14m` in a cache of the test's own."""
    shutil.copytree(added_cache, cache)
    return Study.open("pythia-14m")


@pytest.fixture
def left(cache: Path) -> Callable[[], list[str]]:
    """Tells the names of what looks like a checkpoint in the study's folder of weights."""
    return lambda: sorted(path.name for path in (cache / "pythia-14m" / "weights").glob("step*"))
