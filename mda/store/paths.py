"""Where results lie: `<cache>/<study>/…` for artefacts, `<cache>/jobs/<id>/` for jobs, and `<cache>/hub/…` for
what was brought from the hub and belongs to no study."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mda.errors import UserError

CHECKOUT = Path(__file__).resolve().parents[2]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RESERVED = {"jobs", "hub"}  # lie beside the studies
_RESERVED_ENDINGS = (".partial", ".lock")  # lie beside the artefacts


def cache_root() -> Path:
    """The folder of all results: `MDA_CACHE`, or `cache` in the checkout. Absolute; need not exist yet."""
    chosen = os.environ.get("MDA_CACHE", "").strip()
    return Path(chosen).expanduser().resolve() if chosen else CHECKOUT / "cache"


def read_only() -> bool:
    """Whether nothing may be started or written: `MDA_READ_ONLY` is set, as by `mda app --read-only`."""
    return os.environ.get("MDA_READ_ONLY", "") not in ("", "0")


def refuse_if_read_only() -> None:
    """Raise `UserError` where nothing may be written."""
    if read_only():
        raise UserError("Nothing is started or written here: this cache is open read-only (MDA_READ_ONLY is set).")


def check_name(name: str) -> str:
    """Return `name` if it can be a study's name (and so a folder's); raises `UserError` otherwise."""
    if not _NAME.fullmatch(name) or name in _RESERVED or name.endswith(_RESERVED_ENDINGS):
        raise UserError(
            f"'{name[:80]}' cannot be a study's name: use 1 to 64 of a-z, 0-9, dot, dash and underscore, "
            "beginning with a letter or digit (and neither 'jobs' nor 'hub' nor an ending .partial or .lock)"
        )
    return name


def study_folder(name: str) -> Path:
    """The folder of one study's artefacts; raises `UserError` for a name that could leave the cache."""
    return cache_root() / check_name(name)
