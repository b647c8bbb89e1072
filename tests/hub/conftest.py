"""A hub of this test's own, with nothing on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import HubServer
from own_hub import own_hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with own_hub(tmp_path, monkeypatch) as server:
        yield server
