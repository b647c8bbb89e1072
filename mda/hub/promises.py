"""What the hub promises of a file (commit, checksum, size), and whether it keeps to it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TypeGuard

from mda.hub.errors import Changed, HubError
from mda.hub.refusals import About
from mda.hub.requests import Facts, facts_of

_first: dict[str, str] = {}  # path of a file at a commit -> the first checksum that this process was told


def promised(path: str, sha: str, about: About) -> Facts:
    """The facts of a file, its commit checked. Raises `Changed` where it is another commit."""
    facts = facts_of(path, about)
    agree(facts, path, sha, about)
    return facts


def agree(facts: Facts, path: str, sha: str, about: About) -> None:
    """Raise `Changed` where the hub speaks of another commit than `sha`, or of other content than before.

    Raises `HubError` where it names no commit at all, which no hub does.
    """
    if facts.commit is None:
        raise HubError(
            f"No commit is named for {about}, so this is no hub: check HF_ENDPOINT, or the network's proxy."
        )
    if facts.commit != sha:
        raise Changed(
            f"The hub sends {about} of commit {facts.commit[:12]} where {sha[:12]} was asked: try again."
        )
    if not _is_checksum(facts.etag):
        return
    first = _first.setdefault(path, facts.etag)
    if first != facts.etag and len(first) == len(facts.etag):
        raise Changed(
            f"The hub's copy of {about} has changed under one commit: report it to the repository's owner."
        )


def digest_matches(path: Path, etag: str | None) -> bool | None:
    """Whether a file has the content that the ETag names; None where the ETag is no checksum."""
    if not _is_checksum(etag):
        return None
    large = len(etag) == 64
    # git names a file by the sha1 of its content behind a short header
    digest = hashlib.sha256() if large else hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with open(path, "rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest() == etag


def _is_checksum(etag: str | None) -> TypeGuard[str]:
    return etag is not None and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", etag) is not None
