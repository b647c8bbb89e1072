"""Rows of the demo corpus, each made from its own index, so that any part of it can be made alone.

What makes induction heads form within so few steps is repetition. On two layers of four heads, with 70 % of the
structured documents fully repetitive (and the rest uniform in [0, 1]) an initial seed went without for 3000
steps; with 85 % the strongest heads are born between steps 450 and 750 in all three (`benchmarks/births.py`).
Prose repeats less often, as in real text.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from mda.corpora.demo.kinds import GENERATORS
from mda.corpora.demo.vocabulary import END_OF_TEXT, ID

SEQ_LEN = 128
KINDS = tuple(GENERATORS)
SHARE_OF_KIND = {
    "prose": 0.32, "noise": 0.08, "xml": 0.12, "latex": 0.12, "code": 0.12, "log": 0.12, "table": 0.12,
}  # fmt: skip
FULLY_REPETITIVE = dict.fromkeys(KINDS, 0.85) | {"prose": 0.4}  # the rest is uniform in [0, 1]


@dataclass(frozen=True)
class DemoRow:
    """One document cut to a row: token strings (SEQ_LEN + 1, the first is end-of-text), kind, repetition."""

    tokens: tuple[str, ...]
    kind: str
    repetition: float


def demo_row(seed: int, index: int) -> DemoRow:
    """Row `index` of the corpus with this seed; the same on every machine and in any order."""
    source = random.Random(f"{seed}:{index}")
    kind = source.choices(KINDS, [SHARE_OF_KIND[kind] for kind in KINDS])[0]
    repetition = 1.0 if source.random() < FULLY_REPETITIVE[kind] else source.random()
    document = GENERATORS[kind](source, repetition, SEQ_LEN)
    return DemoRow((END_OF_TEXT, *document[:SEQ_LEN]), kind, repetition)


def demo_rows(seed: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows [start, stop): token ids uint16 [N, SEQ_LEN + 1], kind as index into KINDS uint8 [N],
    repetition dial float32 [N]."""
    rows = [demo_row(seed, index) for index in range(start, stop)]
    tokens = np.array([[ID[token] for token in row.tokens] for row in rows], dtype=np.uint16)
    kinds = np.array([KINDS.index(row.kind) for row in rows], dtype=np.uint8)
    return tokens, kinds, np.array([row.repetition for row in rows], dtype=np.float32)
