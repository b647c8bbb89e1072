"""What a read-only explorer, which anybody may look at, keeps to itself: where things lie on this machine."""

from __future__ import annotations

import re

from mda.store.paths import read_only

_FOLDERS = re.compile(r"(?<![\w/.])(?:[A-Za-z]:)?(?:[\\/][^\s\\/,;:'\"()]+)+(?=[\\/])")


def public(message: str) -> str:
    """The message; where anybody may read it, without the folders of absolute paths: `…/study is broken`."""
    return _FOLDERS.sub("…", message) if read_only() else message
