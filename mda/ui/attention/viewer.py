"""The instrument: one head's attention on one sequence, over one or many steps, as a Streamlit component.

Its parts are the files beside this one, joined into one script, because a component loads no other. The page sends
patterns in bytes; everything that a person does in it happens in the browser, and only a chosen step comes back.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from mda.heads.geometry import Head
from mda.heads.sparse import in_bytes, strongest_keys, triangle_in_bytes
from mda.ui.charts.colours import head_colour
from mda.ui.text.visible import visible

LONGEST_TOKEN = 200  # characters that are shown
WHOLE = 256  # tokens of the longest sequence whose pattern is sent whole
STRONGEST = 8  # keys sent of each query of a longer one
LONGEST = 1 << 16  # tokens that two bytes can number

_HERE = Path(__file__).parent
_STEP = "step"


def script(*names: str) -> str:
    """The files of these names beside this one as one script or sheet."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


_component = st.components.v2.component(
    "mda_attention_viewer",
    html=script("viewer.html"),
    css=script("viewer.css"),
    js=script("shared.js", "patterns.js", "strip.js", "matrix.js", "player.js", "viewer.js"),
)


@dataclass(frozen=True)
class Frames:
    """What a viewer shows: one head on one sequence of T tokens, a pattern for each of S steps.

    ids, tokens: [T], and the texts of the ids. score: the name of a head score in words; scores: [S] of them, NaN
    where unknown. patterns: [S], each made by `pattern_bytes`. copies: starts of the copies in a repeated
    sequence. focus: the token that is current at first, None for the most telling one.
    """

    head: Head
    ids: Sequence[int]
    tokens: Sequence[str]
    steps: Sequence[int]
    score: str
    scores: Sequence[float]
    patterns: Sequence[bytes]
    copies: Sequence[int] = ()
    focus: int | None = None


def strongest_sent(length: int) -> int:
    """How many keys of each query are sent for a sequence of this length; 0 where all are."""
    return 0 if length <= WHOLE else STRONGEST


def pattern_bytes(pattern: np.ndarray) -> bytes:
    """An attention pattern [T, T] in bytes, little end first; T < 65,536.

    Up to `WHOLE` tokens: its lower triangle, uint8 [T (T + 1) / 2]. Beyond: of the k = `STRONGEST` strongest keys
    of each query their places, uint16 [T, k] (0 of those without weight), their weights, uint8 [T, k], and the
    share of the query's attention that they hold, uint8 [T]. All are off by `sparse.ROUNDING` at most.
    """
    if len(pattern) >= LONGEST:
        raise ValueError(f"{len(pattern)} tokens: two bytes number fewer than {LONGEST}")
    k = strongest_sent(len(pattern))
    if k == 0:
        return triangle_in_bytes(pattern).tobytes()
    found = strongest_keys(pattern, k)
    return b"".join(
        (
            found.keys.clip(0).astype("<u2").tobytes(),
            in_bytes(found.weights).tobytes(),
            in_bytes(found.share).tobytes(),
        )
    )


def token_text(text: str) -> str:
    """A token as the strip shows it: line breaks kept after their sign, a very long one cut, `∅` for no text."""
    shown = visible(text[:LONGEST_TOKEN]).replace("↵", "↵\n")
    if len(text) > LONGEST_TOKEN:
        shown += f"… ({len(text) - LONGEST_TOKEN:,} more characters)"
    return shown or "∅"


def packed(frames: Frames, selected: int, group: str, height: int) -> dict[str, Any]:
    """What the component gets: texts, numbers, and the patterns of all steps one after the other in base64.

    `digest` changes with whatever is shown, `sequence` with its tokens; `selected` is an index into the steps.
    """
    patterns = b"".join(frames.patterns)
    data: dict[str, Any] = {
        "head": str(frames.head),
        "colour": head_colour(frames.head),
        "ids": [int(token) for token in frames.ids],
        "tokens": [token_text(text) for text in frames.tokens],
        "steps": [int(step) for step in frames.steps],
        "score": frames.score,
        "scores": [round(float(score), 4) if isfinite(score) else None for score in frames.scores],
        "strongest": strongest_sent(len(frames.tokens)),
        "copies": [int(place) for place in frames.copies],
        "height": height,
    }
    told = json.dumps(data, sort_keys=True).encode()
    return {
        **data,
        "digest": hashlib.sha256(told + patterns).hexdigest(),
        "sequence": hashlib.sha256(json.dumps([data["ids"], data["tokens"]]).encode()).hexdigest(),
        "patterns": base64.b64encode(patterns).decode(),
        "selected": selected,
        "focus": frames.focus,
        "group": group,
    }


def attention_viewer(
    frames: Frames,
    key: str,
    selected: int | None = None,
    group: str | None = None,
    height: int = 420,
    on_step: Callable[[int], None] = lambda step: None,
) -> None:
    """Show the frames.

    selected: the step shown at first, the last by default. group: viewers of one group and sequence show the same
    token, and play together where they have the same steps. height: pixels after which the text scrolls. on_step
    is called, before the page runs again, with the step on which the person stopped.
    """
    step = frames.steps[-1] if selected is None else selected

    def chosen() -> None:
        told = st.session_state[key].get(_STEP)
        if told in frames.steps:  # it comes from a browser
            on_step(int(told))

    _component(
        key=key,
        data=packed(frames, list(frames.steps).index(step), group or key, height),
        on_step_change=chosen,
    )
