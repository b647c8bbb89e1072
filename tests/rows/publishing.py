"""Preshuffled rows of 33 ids as files of a data set, and what of them was asked for."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass

import numpy as np
from hub_server import HubServer

from mda.corpora.preshuffled.kept import kept_rows
from mda.corpora.preshuffled.rows import PreshuffledRows

REPO = "EleutherAI/pile-standard-pythia-preshuffled"
COUNT, LENGTH = 1200, 33
ROW_BYTES = 2 * LENGTH
VOCABULARY = 300
# one shard ends amid row 400, two end amid row 700 (so that it lies in three), one between rows 900 and 901
CUTS = (400 * ROW_BYTES + 20, 700 * ROW_BYTES + 2, 700 * ROW_BYTES + 40, 901 * ROW_BYTES)


def index(sizes: np.ndarray, magic: bytes = b"MMIDIDX\x00\x00", version: int = 1, kind: int = 8) -> bytes:
    """document.idx of rows with these sizes, side by side."""
    pointers = 2 * (np.cumsum(sizes) - sizes)
    head = magic + struct.pack("<QBQQ", version, kind, len(sizes), 2)
    return head + sizes.astype("<i4").tobytes() + pointers.astype("<i8").tobytes() + bytes(16)


def shards(content: bytes, cuts: tuple[int, ...]) -> dict[str, bytes]:
    """`document-0000k-of-0000K.bin`: the content, cut at these bytes."""
    parts = itertools.pairwise((0, *cuts, len(content)))
    return {f"document-{k:05d}-of-{len(cuts):05d}.bin": content[i:j] for k, (i, j) in enumerate(parts)}


def tokens(count: int = COUNT) -> np.ndarray:
    """Rows without two the same."""
    return np.random.default_rng(2).integers(0, VOCABULARY, (count, LENGTH)).astype(np.uint16)


@dataclass
class Published:
    """A data set on the test's hub: its commit and its rows [COUNT, LENGTH]."""

    hub: HubServer
    commit: str
    tokens: np.ndarray

    def open(self, vocab_size: int | None = None) -> PreshuffledRows:
        """A reader that knows nothing but what is on the disk."""
        kept_rows.cache_clear()
        return PreshuffledRows(REPO, self.commit, COUNT, LENGTH, vocab_size)

    def asked(self) -> list[tuple[str, int, int]]:
        """(shard, start, stop) of all ranges of rows that were asked of the storage."""
        found = []
        for method, path, wanted in self.hub.requests:
            if method == "GET" and "/storage/" in path and ".bin" in path and wanted is not None:
                start, _, last = wanted.removeprefix("bytes=").partition("-")
                found.append((path.rpartition("/")[2], int(start), int(last) + 1))
        return found


def files() -> dict[str, bytes]:
    """The files of the data set."""
    return {
        **shards(tokens().tobytes(), CUTS),
        "document.idx": index(np.full(COUNT, LENGTH)),
        "README.md": b"# Rows\n",
    }
