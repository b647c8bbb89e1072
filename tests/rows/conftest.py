"""A hub of this test's own, with preshuffled rows on it, and an empty cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import HubServer
from own_hub import own_hub
from publishing import REPO, ROW_BYTES, Published, files, tokens

from mda.corpora.preshuffled import rows as rows_module


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "cache"))
    with own_hub(tmp_path, monkeypatch) as server:
        yield server


@pytest.fixture
def published(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Published:
    """The rows on the hub; requests of at most 64 rows, gaps of up to 3 rows read over."""
    monkeypatch.setattr(rows_module, "REQUEST_BYTES", 64 * ROW_BYTES)
    monkeypatch.setattr(rows_module, "GAP_BYTES", 3 * ROW_BYTES)
    return Published(hub, hub.add_repo("dataset", REPO, {"main": files()})["main"], tokens())
