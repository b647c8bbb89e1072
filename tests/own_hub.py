"""A hub of a test's own: the library's settings lead to it and to nothing else."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub.constants
import pytest
from hub_server import HubServer
from huggingface_hub import close_session

from mda.checkpoints import hub as hub_checkpoints
from mda.hub import promises, requests


def own_hub(folder: Path, patch: pytest.MonkeyPatch) -> HubServer:
    """A hub that runs until it is closed, an empty Hugging Face cache in `folder`, no token, and no waiting."""
    close_session()  # one that is open may know a proxy
    patch.setenv("NO_PROXY", "127.0.0.1")
    for variable in ("HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "MDA_READ_ONLY"):
        patch.delenv(variable, raising=False)
    patch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(folder / "no-token"))
    patch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder / "hf-cache"))
    patch.setattr(requests, "WAITS_S", (0.0, 0.0, 0.0))
    patch.setattr(promises, "_first", {})
    hub_checkpoints._listed.cache_clear()
    server = HubServer()
    patch.setenv("HF_ENDPOINT", server.url)
    # what the library of data sets reads of it, as if it were imported now
    patch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
    template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    patch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    return server
