"""A hub of this test's own, an empty Hugging Face cache, no token, and no waiting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
from hub_server import HubServer
from huggingface_hub import close_session

from mda.hub import promises, requests


@pytest.fixture(scope="session")
def no_proxy() -> Iterator[None]:
    """Requests to this machine go straight to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        close_session()  # one that is open may know a proxy
        yield
    close_session()


@pytest.fixture
def hub(no_proxy: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    for variable in ("HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hf-cache"))
    monkeypatch.setattr(requests, "WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(promises, "_first", {})
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server
