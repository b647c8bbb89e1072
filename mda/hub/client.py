"""What a repository on the hub holds: its revisions, the commit behind a name, its files; and `download`.

Every call asks the hub that HF_ENDPOINT names at that time, and raises a `HubError` of the kind that fits.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from mda.hub import names
from mda.hub.download import download
from mda.hub.errors import Changed, HubError, NotThere, Offline
from mda.hub.refusals import About
from mda.hub.requests import endpoint, insist, offline, request

__all__ = [
    "Changed",
    "HubError",
    "Kind",
    "NotThere",
    "Offline",
    "RepoFile",
    "commit",
    "download",
    "endpoint",
    "files",
    "offline",
    "revisions",
    "similar",
]

Kind = names.Kind


@dataclass(frozen=True)
class RepoFile:
    """A file of a repository: its path, its size in bytes and the sha256 of a large one, as the hub lists them."""

    name: str
    size: int | None
    sha256: str | None


def revisions(repo: str) -> dict[str, str]:
    """Branches and tags of a model -> commit (40 hex)."""
    answer = _json(names.api_path(repo, "model", "refs"), About(repo, "model"))
    try:
        found = {str(ref["name"]): ref["targetCommit"] for part in ("tags", "branches") for ref in answer[part]}
    except (KeyError, TypeError):
        raise _strange(repo) from None
    if not all(map(names.is_sha, found.values())):
        raise _strange(repo)
    return found


def commit(repo: str, kind: Kind, revision: str = "main") -> str:
    """The commit (40 hex) that a branch or tag stands for now. A full commit must exist and is itself."""
    revision = names.check_revision(revision)
    answer = _json(names.api_path(repo, kind, f"revision/{quote(revision, safe='')}"), About(repo, kind, revision))
    sha = answer.get("sha") if isinstance(answer, dict) else None
    if not isinstance(sha, str) or not names.is_sha(sha):
        raise _strange(repo)
    if names.is_sha(revision) and sha != revision:
        raise Changed(
            f"The hub answers with commit {sha[:12]} of {repo} where {revision[:12]} was asked: try again."
        )
    return sha


def files(repo: str, kind: Kind, sha: str) -> dict[str, RepoFile]:
    """The files of a commit (40 hex) by name."""
    if not names.is_sha(sha):
        raise ValueError(f"{sha!r} is no commit: resolve it first")
    answer = _json(names.api_path(repo, kind, f"revision/{sha}?blobs=true"), About(repo, kind, sha))
    try:
        if answer["sha"] != sha:
            raise Changed(
                f"The hub answers with commit {str(answer['sha'])[:12]} of {repo} where {sha[:12]} was asked: "
                "try again."
            )
        listed = [_repo_file(entry) for entry in answer["siblings"]]
    except (KeyError, TypeError, AttributeError):
        raise _strange(repo) from None
    return {file.name: file for file in listed}


def similar(repo: str, known: Iterable[str]) -> list[str]:
    """Up to three of the `known` names that are nearest to `repo`, the nearest first; none if none is near."""
    by_lower = {name.lower(): name for name in known}
    return [by_lower[near] for near in difflib.get_close_matches(repo.lower(), by_lower, n=3, cutoff=0.6)]


def _repo_file(entry: dict[str, Any]) -> RepoFile:
    size, large = entry.get("size"), entry.get("lfs") or {}
    sha256 = large.get("sha256")
    return RepoFile(
        str(entry["rfilename"]),
        size if isinstance(size, int) else None,
        sha256 if isinstance(sha256, str) else None,
    )


def _json(path: str, about: About) -> Any:
    """The answer of the hub's interface at this path."""

    def once() -> bytes:
        with request("GET", path, about) as (response, _):
            content: bytes = response.read()
            return content

    try:
        return json.loads(insist(once))
    except ValueError:
        raise _strange(about.repo) from None


def _strange(repo: str) -> HubError:
    return HubError(
        f"{endpoint()} does not answer as a hub does for {repo}: check HF_ENDPOINT, or the network's proxy."
    )
