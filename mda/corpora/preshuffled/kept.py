"""Rows that were fetched, kept on disk for all studies: two files that only grow.

`rows.bin` holds rows one after the other as they came, `rows.idx` one entry of 16 bytes for each of them: its
number, a checksum and a mark. A row's bytes are on the disk before its entry is. What a killed writer or a power
cut leaves is cut off by the next writer; a row whose checksum fails is forgotten, to be fetched and appended
again. The last entry of a row counts.
"""

from __future__ import annotations

import os
import zlib
from functools import lru_cache
from pathlib import Path
from threading import RLock

import numpy as np
from filelock import FileLock

from mda.store.atomic import disk_errors
from mda.store.paths import cache_root

_ENTRY = np.dtype([("row", "<i8"), ("checksum", "<u4"), ("mark", "<u4")])
_MARK = 0x574F5221  # a region of zeros, which a power cut can leave, is no entry


def data_folder(repo: str, commit: str) -> Path:
    """Where what was brought of a data set at a commit lies."""
    return cache_root() / "hub" / "rows" / repo.replace("/", "--") / commit


class KeptRows:
    """The rows of one data set that are kept, each of `row_length` ids uint16.

    Memory: 20 bytes a kept row. Several processes and threads may read and add at once.
    """

    # what is known of the index: each row once, ascending, with its place in the data and its checksum
    _rows: np.ndarray
    _places: np.ndarray
    _checksums: np.ndarray
    _count: int  # of entries that were read
    _inode: int  # of the file that they were read from

    def __init__(self, folder: Path, row_length: int) -> None:
        self.folder = folder
        self.row_length = row_length
        self._data, self._index = folder / "rows.bin", folder / "rows.idx"
        self._lock = RLock()
        self._row_bytes = 2 * row_length
        self._know_nothing()

    def held(self) -> np.ndarray:
        """Numbers of the kept rows, ascending int64."""
        with self._lock:
            self._refresh()
            return self._rows.copy()

    def here(self, rows: np.ndarray) -> np.ndarray:
        """Which of the rows [n] are kept: bool [n]."""
        with self._lock:
            self._refresh()
            return self._find(rows)[1]

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ids uint16 [n, row_length] of the rows [n], and which of them were there and whole: bool [n].

        Rows that are damaged are forgotten, so that they can be added again.
        """
        tokens = np.zeros((len(rows), self.row_length), dtype=np.uint16)
        with self._lock:
            self._refresh()
            where, known = self._find(rows)
            whole = known.copy()
            if not known.any():
                return tokens, whole
            with open(self._data, "rb", buffering=0) as file:
                for number in np.flatnonzero(known):
                    file.seek(int(self._places[where[number]]) * self._row_bytes)
                    content = file.read(self._row_bytes)
                    whole[number] = _checksum(rows[number], content) == self._checksums[where[number]]
                    if whole[number]:
                        tokens[number] = np.frombuffer(content, dtype="<u2")
            if not (whole == known).all():
                damaged = where[known & ~whole]
                self._rows, self._places, self._checksums = (
                    np.delete(facts, damaged) for facts in (self._rows, self._places, self._checksums)
                )
        return tokens, whole

    def add(self, rows: np.ndarray, tokens: np.ndarray) -> None:
        """Keep the rows [n] with ids [n, row_length]; those that are kept already are left as they are.

        Raises UserError where the disk is full or may not be written; then what was kept before is still there.
        """
        with disk_errors():
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "rows.lock"), self._lock:
                self._cut_tails()
                self._refresh()
                new = ~self._find(rows)[1]
                if not new.any():
                    return
                content = np.ascontiguousarray(tokens[new], dtype="<u2")
                entries = np.zeros(len(content), dtype=_ENTRY)
                entries["row"], entries["mark"] = rows[new], _MARK
                entries["checksum"] = [
                    _checksum(row, ids.tobytes()) for row, ids in zip(rows[new], content, strict=True)
                ]
                _append(self._data, content.tobytes())
                _append(self._index, entries.tobytes())
                self._refresh()

    def _find(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each of the rows is in the arrays of what is known, and whether it is there."""
        if not len(self._rows):
            return np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=bool)
        where = np.minimum(np.searchsorted(self._rows, rows), len(self._rows) - 1)
        return where, self._rows[where] == rows

    def _refresh(self) -> None:
        """Learn the entries that were added since the last look, by whomever."""
        try:
            found = os.stat(self._index)
            count = min(found.st_size // _ENTRY.itemsize, os.stat(self._data).st_size // self._row_bytes)
        except (FileNotFoundError, NotADirectoryError):
            self._know_nothing()
            return
        if found.st_ino != self._inode or count < self._count:  # deleted and begun anew
            self._know_nothing()
        if count > self._count:
            offset = self._count * _ENTRY.itemsize
            entries = np.fromfile(self._index, dtype=_ENTRY, count=count - self._count, offset=offset)
            self._learn(entries)
        self._inode = found.st_ino

    def _learn(self, entries: np.ndarray) -> None:
        whole = np.flatnonzero((entries["mark"] == _MARK) & (entries["row"] >= 0))
        rows = np.concatenate([self._rows, entries["row"][whole]])
        places = np.concatenate([self._places, self._count + whole])
        checksums = np.concatenate([self._checksums, entries["checksum"][whole]])
        order = np.argsort(rows, kind="stable")
        latest = order[np.append(np.diff(rows[order]) != 0, True)] if len(rows) else order
        self._rows, self._places, self._checksums = rows[latest], places[latest], checksums[latest]
        self._count += len(entries)

    def _know_nothing(self) -> None:
        self._rows, self._places = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        self._checksums = np.empty(0, dtype=np.uint32)
        self._count, self._inode = 0, -1

    def _cut_tails(self) -> None:
        """Cut off what a killed writer left unfinished in either file."""
        files = ((self._data, self._row_bytes), (self._index, _ENTRY.itemsize))
        sizes = [path.stat().st_size if path.exists() else 0 for path, _ in files]
        count = min(size // unit for size, (_, unit) in zip(sizes, files, strict=True))
        for size, (path, unit) in zip(sizes, files, strict=True):
            if size > count * unit:
                os.truncate(path, count * unit)


@lru_cache(maxsize=4)
def kept_rows(folder: Path, row_length: int) -> KeptRows:
    """The kept rows of a folder, one object for the whole process: a page that is drawn again need not read the
    index of a million rows again."""
    return KeptRows(folder, row_length)


def _checksum(row: int, content: bytes) -> int:
    """Over the number too, so that an entry never vouches for another row."""
    return zlib.crc32(content, zlib.crc32(int(row).to_bytes(8, "little")))


def _append(path: Path, content: bytes) -> None:
    """Write at the file's end and flush to the disk."""
    with open(path, "ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
