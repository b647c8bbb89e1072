"""The documents of the corpus: found, judged, bounded, without duplicates, in a seeded order."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mda.corpora.local_text.folders import Source, sources
from mda.corpora.local_text.rules import decoded, kept, split_python

LARGEST_FILE = 2_000_000  # bytes; larger ones are data


@dataclass(frozen=True)
class Document:
    """One document: its kind and its text."""

    kind: str
    text: str


@dataclass(frozen=True)
class Bounds:
    """Bytes (UTF-8) of text kept in all, and of one package at most."""

    total: int
    package: int


def find_text(
    folders: Sequence[Path], bounds: Bounds, seed: int, tell: Callable[[int], object] = lambda size: None
) -> list[Document]:
    """Documents from the files below the folders, shuffled by file; the same files give the same documents.

    Files are taken in their shuffled order until the bounds are reached: a package that has given its share gives
    nothing more. Exact copies count once. `tell` is given the bytes of every document kept.
    """
    files = [source for folder in folders for source in sources(folder)]
    random.Random(seed).shuffle(files)
    seen: set[bytes] = set()
    sizes: Counter[str] = Counter()
    found: list[Document] = []
    for source in files:
        if sizes[source.package] >= bounds.package:
            continue
        for document in _documents(source):
            content = document.text.encode()
            digest = hashlib.sha256(content).digest()
            if digest in seen:
                continue
            seen.add(digest)
            found.append(document)
            sizes[source.package] += len(content)
            tell(len(content))
        if sizes.total() >= bounds.total:
            break
    return found


def _documents(source: Source) -> Iterator[Document]:
    try:
        if source.path.stat().st_size > LARGEST_FILE:
            return
        text = decoded(source.path.read_bytes())
    except OSError:  # not ours to read
        return
    if text is None:
        return
    parts = [(source.kind, text)]
    if source.path.suffix == ".py":
        documentation, code = split_python(text)
        parts = [("prose", documentation), ("code", code)]
    for kind, part in parts:
        document = kept(part, kind)
        if document is not None:
            yield Document(kind, document)


def corpus_digest(documents: Sequence[Document]) -> str:
    """sha256 (hex) of the documents with their kinds, in their order."""
    digest = hashlib.sha256()
    for document in documents:
        content = document.text.encode()
        digest.update(f"{document.kind} {len(content)}\n".encode() + content)
    return digest.hexdigest()
