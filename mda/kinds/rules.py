"""What a rule is: what it looks for in a line, which kind of text that speaks for, how strongly, and why.

A rule's points: 1 is a hint, 2 are typical of the kind, 3 and more are hardly ever seen elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mda.kinds.pieces import Pieces


@dataclass(frozen=True)
class Pattern:
    """`points` for `kind` for each match that begins in a piece of a line, `most` of them at the most."""

    kind: str
    name: str
    points: float
    most: int
    pattern: str
    why: str

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.MULTILINE)


@dataclass(frozen=True)
class Measure:
    """`points` for `kind` in every piece for which `holds` is true: pieces of a text -> bool [n]."""

    kind: str
    name: str
    points: float
    holds: Callable[[Pieces], np.ndarray]
    why: str
