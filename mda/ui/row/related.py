"""Other things that belong to a row: rows that share its spans, and retrains that changed it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from mda.corpora.rows import RowSource
from mda.span_search import SharedSpans, rows_sharing_spans
from mda.store.paths import read_only
from mda.studies.attributions import Attribution
from mda.studies.retrains import Retrain
from mda.studies.study import Study
from mda.ui.frame.links import RETRAIN, page_link
from mda.ui.row.history import Change, changes
from mda.ui.text.row_cards import row_anchor
from mda.ui.text.row_reads import RowText
from mda.ui.text.row_text import run_html
from mda.ui.words.plain import listed, name_of, plain, rounded
from mda.ui.words.rows import NO_ORDER, trained_at

MOST_SHARING = 12
_RUN_TOKENS = 24  # of a shared span, before it is cut


def sharing_area(
    study: Study, row: int, text: RowText, attribution: Attribution | None, scores: pd.DataFrame | None
) -> None:
    """The rows that hold repeated spans of this row too, each with a link, and the spans they share."""
    if not text.spans:
        st.caption("Nothing of three tokens or more comes twice in this row, so there is no span to share.")
        return
    rows = len(study.held_rows())
    shared = _sharing(study.name, study.manifest.identity, row, rows, study)
    held = ", ".join(
        f"{count:,} the {span.length} tokens of span {span.index + 1}"
        for span, count in zip(shared.looked_for, shared.holders, strict=True)
        if count
    )
    looked = f"its {len(shared.looked_for)} longest spans" if len(shared.looked_for) > 1 else "its repeated span"
    among = (
        ""
        if rows == study.facts.rows
        else f" Looked through: {rows:,} of {study.facts.rows:,} rows, those on this machine."
    )
    if not shared.rows:
        st.caption(f"No other of the {rows:,} rows holds {looked} whole.{among}")
        return
    more = (
        "" if shared.found == len(shared.rows) else f". These are the first {len(shared.rows)}, longest span first"
    )
    noun = "row holds" if shared.found == 1 else "rows hold"
    st.caption(f"{shared.found:,} other {noun} one of {looked} whole: {held}{more}.{among}")
    others = np.array([one.row for one in shared.rows])
    values = _scores_of(scores, others)
    lines = []
    for one, kind, score in zip(shared.rows, study.kind_names(others), values, strict=True):
        span = shared.looked_for[one.spans[0]]
        start = span.starts[0]
        told = [
            row_anchor(one.row, attribution.id if attribution else None),
            "" if (step := trained_at(study, one.row)) is None else f"step {step:,}",
            html.escape(kind) if kind is not None else "",
            f"score {rounded(score)}" if np.isfinite(score) else "",
            run_html(text.pieces[start : start + span.length], span.index, _RUN_TOKENS),
            f"and {len(one.spans) - 1} more" if len(one.spans) > 1 else "",
        ]
        lines.append(f'<li style="margin: 0.15rem 0">{" · ".join(part for part in told if part)}</li>')
    st.html(f'<ul style="font-size: 0.82rem; margin: 0; padding-left: 1.1rem">{"".join(lines)}</ul>')


def retrains_area(
    study: Study,
    row: int,
    retrains: Sequence[Retrain],
    attributions: Sequence[Attribution],
    chosen: Attribution | None,
) -> None:
    """Which retrains removed or duplicated this row, of those that could have; the `chosen` attribution goes along
    to a new one."""
    if not study.facts.in_order:
        st.caption(f"{NO_ORDER} So there is no step from which it could be taken away.")
        return
    found, around = changes(study, retrains, row)
    noun = "retrain" if around == 1 else "retrains"
    if not around:
        st.caption("No retrain yet had this row in its window.")
    elif not found:
        st.caption(f"{around} {noun} had this row in the window, and none removed or duplicated it.")
    else:
        count = sum(len(one.ids) for one in found)
        st.caption(f"Of {around} {noun} with this row in the window, {count} changed how often it was seen.")
        rankings = {one.id: one for one in attributions}
        st.markdown("\n".join(f"- {_told(one, rankings.get(one.attribution or ''))}" for one in found))
    with st.container(horizontal=True):
        if around:
            page_link(RETRAIN, "Compare retrains", ":material/science:")
        if row < study.facts.trained and not read_only():
            name = chosen.id if chosen else None
            page_link(RETRAIN, "Retrain without this row", ":material/science:", picked=row, attribution=name)


def _told(change: Change, ranking: Attribution | None) -> str:
    times = "removed it" if change.weight == 0 else f"showed it {change.weight:g} times"
    replicates = listed([str(number) for number in change.replicates])
    noun = "replicate" if len(change.replicates) == 1 else "replicates"
    first, last = change.window
    by = ""
    if ranking is not None:
        spec = ranking.manifest.spec
        by = f" by {plain(name_of(spec['probe']))} of {plain(' + '.join(spec['heads'][:3]))}"
    return f"**{plain(change.label)}**{by} {times}, steps {first:,} to {last:,}, {noun} {replicates}"


def _scores_of(scores: pd.DataFrame | None, rows: np.ndarray) -> list[float]:
    """The scores of rows; NaN where a row has none."""
    if scores is None:
        return [float("nan")] * len(rows)
    known = scores["row"].to_numpy()
    at = np.minimum(np.searchsorted(known, rows), len(known) - 1)
    values = scores["score"].to_numpy()[at]
    return np.where(known[at] == rows, values, np.nan).tolist()


@dataclass(frozen=True)
class _Held:
    """The rows of a source that are on this machine, numbered from 0."""

    source: RowSource
    numbers: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.numbers), *self.source.shape[1:]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: int | slice) -> np.ndarray:
        return self.source[self.numbers[rows]]


@st.cache_data(max_entries=200, show_spinner="Looking through the rows …")
def _sharing(name: str, identity: str, row: int, count: int, _study: Study) -> SharedSpans:
    if isinstance(_study.rows, np.ndarray):
        return rows_sharing_spans(_study.rows, row, MOST_SHARING)
    held = np.union1d(_study.held_rows(), [row])
    there: Any = _Held(_study.rows, held)  # read a piece at a time, as an array mapped from disk is
    found = rows_sharing_spans(there, int(np.searchsorted(held, row)), MOST_SHARING)
    return replace(found, rows=[replace(one, row=int(held[one.row])) for one in found.rows])
