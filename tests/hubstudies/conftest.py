"""A hub with the tiny Pythia, and a cache with a study of it, none of whose checkpoints has been downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub.constants
import pytest
from hub_server import HubServer
from huggingface_hub import close_session
from tiny_pythia import TinyPythia, tiny_pythia

from mda.checkpoints import hub as hub_checkpoints
from mda.hub import promises, requests
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
    with _set_up(tmp_path, monkeypatch) as server:
        yield TinyHub(server, tiny_pythia(server))


def _set_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> HubServer:
    close_session()  # one that is open may know a proxy
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for variable in ("HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(folder / "no-token"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder / "hf-cache"))
    monkeypatch.setattr(requests, "WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(promises, "_first", {})
    hub_checkpoints._listed.cache_clear()
    server = HubServer()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    # what the library of data sets reads of it, as if it were imported now
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
    template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    return server


@pytest.fixture(scope="session")
def added_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the study `pythia-14m`, added once."""
    folder = tmp_path_factory.mktemp("added")
    with pytest.MonkeyPatch.context() as patch, _set_up(folder, patch) as server:
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
