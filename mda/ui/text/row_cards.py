"""One training row of an attribution as a card: its figures, then its text."""

from __future__ import annotations

import html
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import streamlit as st

from mda.spans import repeated_spans
from mda.studies.attributions import Attribution, open_attribution
from mda.studies.study import Study
from mda.ui.frame.words import rounded
from mda.ui.text.row_text import row_html

FIRST_TOKENS = 400  # of a long row, before somebody asks for all


def row_card(
    study: Study,
    attribution: Attribution,
    rank: int,
    line: Mapping[Hashable, Any],
    kind: str | None,
    share: float,
    spans: bool,
    tokens: bool,
) -> None:
    """Rank, score, step, kind and repeated share of a row (`line` of the table of scores), and its tokens."""
    row = int(line["row"])
    told = [
        f"<b>{rank}</b>",
        f"score <b>{rounded(float(line['score']))}</b>",
        f"step {int(line['step']):,}",
        html.escape(kind) if kind is not None else "",
        f"{100 * share:.0f} % repeated",
        f"row {row:,}",
    ]
    with st.container(border=True, gap="xsmall"):
        st.html(f'<div style="font-size: 0.82rem">{" · ".join(part for part in told if part)}</div>')
        pieces, marked = _text(study.name, study.manifest.identity, row)
        everything = True
        if len(pieces) > FIRST_TOKENS:
            everything = st.toggle(f"All {len(pieces):,} tokens", key=f"all-{attribution.id}-{row}")
        influence = None
        if tokens:
            influence = _token_influence(study.name, attribution.id, attribution.manifest.identity, row)
        limit = 0 if everything else FIRST_TOKENS
        st.html(row_html(pieces, marked if spans else [], influence, limit))


@st.cache_data(max_entries=500, show_spinner=False)
def _text(study: str, identity: str, row: int) -> tuple[list[str], list[tuple[int, tuple[int, ...]]]]:
    """A row's token texts and its repeated spans; `identity` is the study's, part of the cache's key."""
    opened = Study.open(study)
    spans = [(span.length, span.starts) for span in repeated_spans(np.asarray(opened.rows[row]))]
    return opened.pieces(row), spans


@st.cache_data(max_entries=200, show_spinner="Computing the influence of every token …")
def _token_influence(study: str, attribution: str, identity: str, row: int) -> np.ndarray:
    """Influence [T] of a row's positions; `identity` is the attribution's, part of the cache's key."""
    return open_attribution(study, attribution).token_influence(row)
