"""Which of a study's checkpoints are asked for: all, a few spread over training, those about a step, or a list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import log1p

from mda.errors import UserError

AROUND = 10  # checkpoints on each side of the one that is named


def parse_steps(text: str) -> tuple[int, ...]:
    """`1300,1500` as integers. Raises UserError otherwise."""
    try:
        steps = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"'{text}' is not a list of steps; write 1300 or 1300,1500.") from None
    if min(steps) < 0:
        raise UserError(f"'{text}' holds a negative step; steps count from 0.")
    return steps


def choose_steps(text: str, there: Sequence[int]) -> tuple[int, ...]:
    """Steps of `there` (ascending) that the text asks for, ascending; a list is taken as it is.

    `all`; `log20`: 20 spread evenly over log(1 + step), first and last included; `around:1000`: the nearest to
    1000 and up to 10 on each side of it; `0,1,2,512`. Raises UserError for any other text.
    """
    if text == "all":
        return tuple(there)
    if found := re.fullmatch(r"log(\d{1,6})", text):
        return _log_spaced(there, int(found[1]))
    if found := re.fullmatch(r"around:(\d{1,9})", text):
        middle = min(range(len(there)), key=lambda place: abs(there[place] - int(found[1])))
        return tuple(there[max(0, middle - AROUND) : middle + AROUND + 1])
    if not re.fullmatch(r"[-\d,\s]+", text):
        raise UserError(f"'{text}' is no choice of steps; write all, log20, around:1000, or a list as 0,512,1000.")
    return parse_steps(text)


def _log_spaced(there: Sequence[int], count: int) -> tuple[int, ...]:
    if count < 2:
        raise UserError(f"'log{count}' asks for fewer steps than the first and the last; write log2 or more.")
    first, last = log1p(there[0]), log1p(there[-1])
    targets = [first + (last - first) * place / (count - 1) for place in range(count)]
    chosen = {min(there, key=lambda step: abs(log1p(step) - target)) for target in targets}
    # where several targets have the same nearest step, what is farthest from all chosen ones fills up
    while len(chosen) < min(count, len(there)):
        chosen.add(max(there, key=lambda step: min(abs(log1p(step) - log1p(one)) for one in chosen)))
    return tuple(sorted(chosen))
