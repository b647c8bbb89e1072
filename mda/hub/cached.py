"""Files that the user's Hugging Face cache has already; it is only read."""

from __future__ import annotations

import os
from pathlib import Path

from mda.hub import names
from mda.hub.promises import digest_matches


def from_cache(repo: str, kind: names.Kind, sha: str, name: str) -> Path | None:
    """The file in the user's Hugging Face cache; None unless it is there with a checksum that holds."""
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(repo, name, revision=sha, repo_type=kind)
        if not isinstance(found, str):
            return None
        # the entry is a link to a file named after its ETag; what that may link to in turn is named otherwise
        return Path(found) if digest_matches(Path(found), Path(os.readlink(found)).name) else None
    except OSError:
        return None
