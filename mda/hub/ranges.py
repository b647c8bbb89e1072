"""Parts of a file that is too large to download."""

from __future__ import annotations

import re

from mda.hub import names
from mda.hub.errors import Changed, HubError
from mda.hub.promises import agree, promised
from mda.hub.refusals import About, Again
from mda.hub.requests import insist, request


def read_range(repo: str, kind: names.Kind, sha: str, name: str, start: int, stop: int) -> bytes:
    """Exactly the bytes [start, stop) of a file at a commit.

    Commit, length and place are checked, and that the hub still speaks of the file that it spoke of first in this
    process. A part has no checksum of its own: whoever knows what the bytes should look like should look.
    """
    if not 0 <= start < stop:
        raise ValueError(f"[{start}, {stop}) is no range of bytes")
    path, about = names.file_path(repo, kind, sha, name), About(repo, kind, sha, name)

    def once() -> bytes:
        with request("GET", path, about, f"bytes={start}-{stop - 1}") as (response, facts):
            agree(facts, path, sha, about)
            if response.status_code != 206:
                raise HubError(f"{about} is not served in parts here: check HF_ENDPOINT, or the network's proxy.")
            told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", ""))
            if told is None or (int(told[1]), int(told[2])) != (start, stop - 1):
                raise Changed(f"The hub sends another part of {about} than was asked for: try again.")
            content = bytearray()
            for piece in response.iter_bytes():
                content += piece
                if len(content) > stop - start:
                    raise Changed(f"The hub sends more of {about} than was asked for: try again.")
        if len(content) < stop - start:
            announced = response.headers.get("Content-Length")
            short = f"The hub sends {len(content)} of {stop - start} bytes of {about}: try again."
            raise Changed(short) if announced == str(len(content)) else Again(HubError(short))
        return bytes(content)

    return insist(once)


def file_size(repo: str, kind: names.Kind, sha: str, name: str) -> int:
    """Size in bytes of a file at a commit."""
    about = About(repo, kind, sha, name)
    size = promised(names.file_path(repo, kind, sha, name), sha, about).size
    if size is None:
        raise HubError(f"The hub does not tell the size of {about}: check HF_ENDPOINT, or the network's proxy.")
    return size
