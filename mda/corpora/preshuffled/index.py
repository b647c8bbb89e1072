"""What the files of a preshuffled data set say of themselves: how many rows of which length, in which shards.

The index of the real data takes about 3 GB, so it is read in places: its header, and sizes and pointers at the
beginning, at places between and at the end. A pointer that is right says that all sizes before it add up as they
should, and the shards must hold exactly the bytes of all rows.
"""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from mda.corpora.preshuffled.kept import data_folder
from mda.errors import UserError
from mda.hub import preshuffled as names
from mda.hub.client import files
from mda.hub.ranges import file_size, read_range
from mda.store.atomic import write_json
from mda.store.paths import read_only

PLACES = 5  # of the index that are read
ENTRIES = 64  # sizes and pointers at each of them

_LAYOUT = "layout.json"


class Layout(BaseModel):
    """Where rows lie: row r is bytes [r, r + 1) * row_bytes of all shards joined in their order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    row_length: int
    shards: tuple[tuple[str, int], ...]  # name and bytes, in order

    @property
    def row_bytes(self) -> int:
        return self.row_length * names.ID_BYTES


def find_layout(repo: str, commit: str) -> Layout:
    """The layout of a data set at a commit: as it was kept, else read from the hub and kept.

    Raises HubError where the hub cannot be asked, and UserError where the files are not rows of one length.
    """
    path = data_folder(repo, commit) / _LAYOUT
    try:
        return Layout.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        layout = read_layout(repo, commit)
    if not read_only():
        write_json(path, layout.model_dump())
    return layout


def read_layout(repo: str, commit: str) -> Layout:
    """Read the layout from the hub and check it; about ten small requests. Raises as `find_layout`."""
    shards = _shards(repo, commit)
    rows, row_length = _Index(repo, commit).check()
    total, needed = sum(size for _, size in shards), rows * row_length * names.ID_BYTES
    if total != needed:
        raise _strange(
            repo,
            f"its {len(shards)} shards hold {total:,} bytes and {rows:,} rows of {row_length} ids need {needed:,}",
        )
    return Layout(rows=rows, row_length=row_length, shards=tuple(shards))


def _shards(repo: str, commit: str) -> list[tuple[str, int]]:
    """Names and bytes of the shards in order."""
    listed = files(repo, "dataset", commit)
    found = {int(match[1]): (name, int(match[2])) for name in listed if (match := names.SHARD.fullmatch(name))}
    if not found or names.INDEX not in listed:
        raise _strange(repo, f"it has no {names.INDEX} or no shards named as document-00000-of-00020.bin")
    told = {number for _, number in found.values()}
    # the number in the names is the last shard's, or how many there are
    if sorted(found) != list(range(len(found))) or not told <= {len(found) - 1, len(found)} or len(told) > 1:
        raise _strange(repo, f"its shards are {', '.join(name for name, _ in found.values())}")
    sizes = []
    for number in range(len(found)):
        name = found[number][0]
        size = listed[name].size
        sizes.append((name, file_size(repo, "dataset", commit, name) if size is None else size))
    return sizes


class _Index:
    """The index file, read in places."""

    def __init__(self, repo: str, commit: str) -> None:
        self.repo, self.commit = repo, commit
        self.size = file_size(repo, "dataset", commit, names.INDEX)

    def check(self) -> tuple[int, int]:
        """Rows, and ids a row. Raises UserError where the rows are not all of one length and side by side."""
        if self.size < names.HEADER.size:
            raise _strange(self.repo, f"its index has {self.size} bytes, fewer than a header")
        magic, version, kind, rows, documents = names.HEADER.unpack(self._read(0, names.HEADER.size))
        if magic != names.MAGIC or version != names.VERSION:
            raise _strange(self.repo, f"its index begins with {magic!r}, version {version}")
        if kind != names.UINT16:
            raise _strange(self.repo, f"its ids are of type {kind} and not {names.UINT16} (uint16)")
        if rows == 0 or self.size != names.HEADER.size + 12 * rows + 8 * documents:
            raise _strange(
                self.repo,
                f"its index has {self.size:,} bytes, which does not fit {rows:,} rows and {documents:,} documents",
            )
        last = max(0, rows - ENTRIES)
        places = sorted({last * place // (PLACES - 1) for place in range(PLACES)})
        length = int(self._sizes(0, 1)[0])
        if length < 2:
            raise _strange(self.repo, f"its first row has {length} ids")
        for start in places:
            stop = min(start + ENTRIES, rows)
            sizes, pointers = self._sizes(start, stop), self._pointers(rows, start, stop)
            if (sizes != length).any():
                other = int(sizes[sizes != length][0])
                raise _strange(self.repo, f"its rows are of different lengths, {length} and {other} ids")
            if (pointers != np.arange(start, stop) * length * names.ID_BYTES).any():
                raise _strange(self.repo, f"its rows from {start:,} on do not lie side by side")
        return rows, length

    def _sizes(self, start: int, stop: int) -> np.ndarray:
        begin = names.HEADER.size
        return np.frombuffer(self._read(begin + 4 * start, begin + 4 * stop), dtype="<i4")

    def _pointers(self, rows: int, start: int, stop: int) -> np.ndarray:
        begin = names.HEADER.size + 4 * rows
        return np.frombuffer(self._read(begin + 8 * start, begin + 8 * stop), dtype="<i8")

    def _read(self, start: int, stop: int) -> bytes:
        return read_range(self.repo, "dataset", self.commit, names.INDEX, start, stop)


def _strange(repo: str, found: str) -> UserError:
    return UserError(
        f"{repo} is not laid out as Pythia's preshuffled data should be: {found}; its rows cannot be read here, "
        "so use another data set."
    )
