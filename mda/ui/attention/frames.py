"""What the viewer is given of a head on a sequence: patterns and scores at some steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from mda.heads.geometry import Head
from mda.store.identity import array_digest
from mda.studies.study import Study
from mda.text_pieces import token_pieces
from mda.ui.attention.patterns import patterns_at
from mda.ui.attention.viewer import Frames
from mda.ui.frame.cached import head_table
from mda.ui.frame.selection import View
from mda.ui.words.plain import name_of

LONGEST = 2048  # tokens


@dataclass(frozen=True)
class TokenSequence:
    """Token ids [T] and their texts, what they are in a sentence of Markdown, where copies start if it repeats
    itself by construction, and the token to begin with where one is meant."""

    ids: np.ndarray
    tokens: list[str]
    about: str
    copies: tuple[int, ...] = ()
    focus: int | None = None


def row_sequence(study: Study, row: int, about: str = "") -> TokenSequence:
    """What the model reads of a training row: all but its last token, which is only ever a target."""
    ids = np.array(study.rows[row][: min(study.facts.seq_len, LONGEST)], dtype=np.int64)
    return TokenSequence(ids, texts(study, ids), about)


def texts(study: Study, ids: np.ndarray) -> list[str]:
    """The text of each token of ids [T]."""
    return _decoded(study.name, study.manifest.identity, array_digest(np.ascontiguousarray(ids)), study, ids)


def frames_at(view: View, head: Head, steps: list[int], sequence: TokenSequence) -> Frames:
    """The head on the sequence at these steps; shows progress where it waits."""
    table = head_table(view.study.name)
    own = table[(table["layer"] == head.layer) & (table["head"] == head.index)]
    scores = dict(zip(own["step"].astype(int), own[view.score].astype(float), strict=True))
    return Frames(
        head=head,
        ids=sequence.ids.tolist(),
        tokens=sequence.tokens,
        steps=steps,
        score=name_of(view.score),
        scores=[scores.get(step, float("nan")) for step in steps],
        patterns=patterns_at(view.study, head, steps, sequence.ids),
        copies=sequence.copies,
        focus=sequence.focus,
    )


@st.cache_data(max_entries=256, show_spinner=False)
def _decoded(name: str, identity: str, digest: str, _study: Study, _ids: np.ndarray) -> list[str]:
    if _study.tokenizer is None:
        return [f"{token} " for token in _ids.tolist()]
    return token_pieces(_ids.tolist(), _study.tokenizer)
