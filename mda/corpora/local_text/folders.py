"""Which files are looked at: those of the Python installation, and how they are walked."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from mda.corpora.local_text.kinds import kind_of, package_of

# packages lie inside the standard library's folder in some installations, and are walked by themselves
_PASSED_OVER = ("__pycache__", "site-packages", "dist-packages")


@dataclass(frozen=True)
class Source:
    """A file to read: where it lies, its path below the folder walked, and what its name tells."""

    path: Path
    name: PurePath
    kind: str
    package: str


def installed() -> list[Path]:
    """The standard library's folder and those of the installed packages of this interpreter, as it names them."""
    names = ("stdlib", "purelib", "platlib")
    return list(dict.fromkeys(Path(sysconfig.get_path(name)).resolve() for name in names))


def sources(folder: Path) -> Iterator[Source]:
    """The files below a folder that hold a known kind of text, in the order of their names; links and hidden
    files are passed over."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _PASSED_OVER)
        for file in sorted(files):
            path = Path(root, file)
            name = path.relative_to(folder)
            kind = kind_of(name)
            if kind is not None and not file.startswith(".") and not path.is_symlink():
                yield Source(path, name, kind, package_of(name))
