"""One training row of an attribution as a card: its figures, then its text."""

from __future__ import annotations

import html
import math
from collections.abc import Hashable, Mapping
from typing import Any

import streamlit as st

from mda.studies.attributions import Attribution
from mda.studies.study import Study
from mda.ui.frame.links import href
from mda.ui.text.bring import NOT_HERE
from mda.ui.text.row_reads import row_text, token_influence
from mda.ui.text.row_text import row_html
from mda.ui.words.plain import rounded

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
    here: bool = True,
) -> None:
    """Rank, score, step (where rows have one), kind and repeated share of a row (`line` of the table of scores),
    and its tokens, if the row is `here`.

    The row's number links to its own page.
    """
    row = int(line["row"])
    told = [
        f"<b>{rank:,}</b>",
        f"score <b>{rounded(float(line['score']))}</b>",
        f"step {int(line['step']):,}" if "step" in line else "",
        html.escape(kind) if kind is not None else "",
        f"{100 * share:.0f} % repeated" if math.isfinite(share) else "",
        row_anchor(row, attribution.id),
    ]
    with st.container(border=True, gap="xsmall"):
        st.html(f'<div style="font-size: 0.82rem">{" · ".join(part for part in told if part)}</div>')
        if not here:
            st.caption(NOT_HERE)
            return
        text = row_text(study, row)
        everything = True
        if len(text.pieces) > FIRST_TOKENS:
            everything = st.toggle(f"All {len(text.pieces):,} tokens", key=f"all-{attribution.id}-{row}")
        influence = token_influence(attribution, row) if tokens else None
        limit = 0 if everything else FIRST_TOKENS
        st.html(row_html(text.pieces, text.places() if spans else [], influence, limit))


def row_anchor(row: int, attribution: str | None) -> str:
    """HTML of a row's number that links to its page, with the attribution that is being read."""
    address = html.escape(href("Row", row=row, attribution=attribution))
    return f'<a href="{address}" target="_self" style="color: inherit">row {row:,}</a>'
