"""A hub of this test's own, with preshuffled rows on it, and an empty cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
from hub_server import HubServer
from publishing import REPO, ROW_BYTES, Published, files, tokens

from mda.corpora.preshuffled import rows as rows_module
from mda.hub import promises, requests


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    for variable in ("HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "MDA_READ_ONLY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hf-cache"))
    monkeypatch.setattr(requests, "WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(promises, "_first", {})
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "cache"))
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def published(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Published:
    """The rows on the hub; requests of at most 64 rows, gaps of up to 3 rows read over."""
    monkeypatch.setattr(rows_module, "REQUEST_BYTES", 64 * ROW_BYTES)
    monkeypatch.setattr(rows_module, "GAP_BYTES", 3 * ROW_BYTES)
    return Published(hub, hub.add_repo("dataset", REPO, {"main": files()})["main"], tokens())
