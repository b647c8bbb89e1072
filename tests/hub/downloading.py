"""A repository to download from, and what a download leaves in its folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hub_server import HubServer

from mda.hub.client import download
from mda.progress import Cancelled

REPO = "EleutherAI/pythia-14m"
WEIGHTS, CONFIG = "model.safetensors", "config.json"
FILES = {
    WEIGHTS: np.random.default_rng(0).bytes(3_000_001),
    CONFIG: b'{"model_type": "gpt_neox"}',
    "sub/x.bin": b"x",
}
BOTH = pytest.mark.parametrize("name", [WEIGHTS, CONFIG])  # by a redirect to the storage, and from the hub itself


def entries(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def pieces(folder: Path) -> list[Path]:
    return list(folder.glob(".incomplete-*.part"))


def keep_a_part(hub: HubServer, sha: str, folder: Path) -> Path:
    """A download that was stopped in the middle; returns the file that waits for its rest."""

    def stop(arrived: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        download(REPO, "model", sha, WEIGHTS, folder, stop)
    hub.requests.clear()
    (part,) = pieces(folder)
    return part
