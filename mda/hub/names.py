"""Names and numbers of the hub's protocol, and what a name may look like before it becomes part of an address.

Sources. Addresses, headers and error codes: huggingface_hub 2.4.0, `constants.py`, `hf_api.py`, `utils/_http.py`,
`file_download.py` (`hf_hub_url`: a file's ETag is its git sha1 if it is stored in git, its sha256 if it is large).
Redirects of small files to `/api/resolve-cache/`: pull request 209 of huggingface/swift-transformers. Requests are
counted over windows of five minutes: https://huggingface.co/docs/hub/rate-limits. Pythia's owner and repositories:
https://github.com/EleutherAI/pythia.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

from mda.hub.errors import HubError

Kind = Literal["model", "dataset"]

DEFAULT_ENDPOINT = "https://huggingface.co"
PYTHIA_OWNER = "EleutherAI"

CONFIG = "config.json"
MODEL_FILES = ("model.safetensors", "pytorch_model.bin")  # in the order in which they are preferred
INDEX_FILES = (
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
)  # where weights lie in several files
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")

COMMIT_HEADER = "X-Repo-Commit"
LINKED_ETAG_HEADER = "X-Linked-Etag"
LINKED_SIZE_HEADER = "X-Linked-Size"
ERROR_HEADER = "X-Error-Code"
NO_REPOSITORY, NO_REVISION, NO_FILE, GATED = "RepoNotFound", "RevisionNotFound", "EntryNotFound", "GatedRepo"

RATE_WINDOW_S = 300.0

_REPO = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}")
_FILE = re.compile(r"[^\x00-\x1f\x7f\\]{1,200}")
_REVISION = re.compile(r"[^\x00-\x20\x7f\\~^:?*\[]{1,200}")
_SHA = re.compile(r"[0-9a-f]{40}")


def check_repo(repo: str) -> str:
    """Return `repo` if it is `owner/name` as the hub allows it; raises `HubError` otherwise."""
    if not _REPO.fullmatch(repo) or "--" in repo or ".." in repo or repo.endswith((".", "-", ".git")):
        raise HubError(
            f"'{_shown(repo)}' is not the name of a repository: give owner/name, as in {PYTHIA_OWNER}/pythia-14m."
        )
    return repo


def check_file(name: str) -> str:
    """Return `name` if it is a path that stays inside a repository, or a folder; raises `HubError` otherwise."""
    if not _FILE.fullmatch(name) or any(part in ("", ".", "..") for part in name.split("/")) or name[1:2] == ":":
        raise HubError(
            f"'{_shown(name)}' cannot be the name of a file in a repository: use names as the hub lists."
        )
    return name


def check_revision(revision: str) -> str:
    """Return `revision` if git allows it as a branch, tag or commit; raises `HubError` otherwise."""
    if not _REVISION.fullmatch(revision) or ".." in revision or revision.startswith(("/", "-", ".")):
        raise HubError(
            f"'{_shown(revision)}' cannot be a revision: give a branch, a tag or a commit, as in step1000."
        )
    return revision


def is_sha(text: object) -> bool:
    """Whether `text` is a full commit: 40 of 0-9 and a-f."""
    return isinstance(text, str) and _SHA.fullmatch(text) is not None


def api_path(repo: str, kind: Kind, rest: str) -> str:
    """Path of an answer about a repository."""
    return f"/api/{kind}s/{check_repo(repo)}/{rest}"


def file_path(repo: str, kind: Kind, sha: str, name: str) -> str:
    """Path of a file's bytes at a commit. Raises ValueError where `sha` is a name that could move."""
    if not is_sha(sha):
        raise ValueError(f"{sha!r} is no commit: resolve a branch first")
    return f"{page_path(repo, kind)}/resolve/{sha}/{quote(check_file(name))}"


def page_path(repo: str, kind: Kind) -> str:
    """Path of a repository's page, where its terms are accepted."""
    return f"{'/datasets' if kind == 'dataset' else ''}/{check_repo(repo)}"


def _shown(text: str) -> str:
    return text[:80].encode("unicode_escape").decode()
