"""Reads of single rows that are kept in memory: text, repeated spans, influence of tokens.

The identity of what is read is part of every key, so a study made anew under the same name is read anew.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import streamlit as st

from mda.spans import Span, repeated_spans
from mda.studies.attributions import Attribution
from mda.studies.study import Study
from mda.ui.frame.models import one_at_a_time


class RowText(NamedTuple):
    """The texts of a row's tokens [T + 1] and its repeated spans."""

    pieces: list[str]
    spans: list[Span]

    def places(self) -> list[tuple[int, tuple[int, ...]]]:
        """Length and starts of each span, as `row_text.row_html` takes them."""
        return [(span.length, span.starts) for span in self.spans]


def row_text(study: Study, row: int) -> RowText:
    """A row as text. `study` is opened at every run of a page; its tokenizer is kept."""
    return RowText(*_text(study.name, study.manifest.identity, row))


def token_influence(attribution: Attribution, row: int) -> np.ndarray:
    """Influence [T] of a row's positions in an attribution; loads its checkpoints the first time."""
    return _token_influence(attribution.study, attribution.id, attribution.manifest.identity, row, attribution)


@st.cache_resource(max_entries=8, show_spinner=False)
def _opened(name: str, identity: str) -> Study:
    return Study.open(name)


@st.cache_data(max_entries=500, show_spinner=False)
def _text(name: str, identity: str, row: int) -> tuple[list[str], list[Span]]:
    study = _opened(name, identity)
    return study.pieces(row), repeated_spans(np.asarray(study.rows[row]))


@st.cache_data(max_entries=200, show_spinner="Computing the influence of every token …")
def _token_influence(study: str, name: str, identity: str, row: int, _attribution: Attribution) -> np.ndarray:
    with one_at_a_time():  # it loads the checkpoints itself
        return _attribution.token_influence(row)
