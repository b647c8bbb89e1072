"""The page of influence: one attribution, its reliability, and its strongest rows on both sides."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from mda.studies.attributions import Attribution
from mda.studies.study import Study
from mda.ui.charts.colours import PROMOTES, SUPPRESSES
from mda.ui.charts.influence import histogram_figure
from mda.ui.frame.attribution import choose_attribution
from mda.ui.frame.cached import attributions
from mda.ui.frame.jobs_panel import job_area, newest_job
from mda.ui.frame.links import INFLUENCE
from mda.ui.frame.page import stale_note
from mda.ui.frame.selection import View
from mda.ui.frame.words import plain
from mda.ui.influence.form import attribution_form
from mda.ui.text.row_cards import row_card
from mda.ui.text.row_text import legend_html

MOST_ROWS = 50


def influence_page(view: View) -> None:
    """Choose or launch an attribution, then read the rows at both ends of its ranking."""
    study = view.study
    st.header("Influence", help="Which training rows made a head what it is, and which worked against it?")
    found = attributions(study.name)
    job_area(newest_job(study.name, "attribute"))
    with st.expander("New attribution", expanded=not found):
        attribution_form(view)
    if not found:
        st.info("This study has no attribution yet: no training row has a score. Start one above.")
        return
    attribution = choose_attribution(view, INFLUENCE)
    if attribution is None:
        return
    _about(attribution, study)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        count = st.number_input("Rows on each side", 1, MOST_ROWS, 5, key="show", bind="query-params", width=150)
        spans = st.toggle("Mark repeated spans", True, key="spans", bind="query-params")
        tokens = st.toggle(
            "Influence of every token",
            False,
            key="tokens",
            bind="query-params",
            help="Loads the checkpoints of this attribution and takes a second or so a row the first time.",
        )
    scores = attribution.scores()
    count = min(int(count), len(scores))
    top, bottom = attribution.ranked(count), attribution.ranked(count, bottom=True)
    st.html(legend_html(spans, tokens))
    left, right = st.columns(2, gap="medium")
    head = plain(" + ".join(attribution.manifest.spec["heads"][:3]))
    with left:
        _side("promotes", PROMOTES, f"training on these rows makes {head} more of what the probe measures")
        _cards(study, attribution, top, spans, tokens)
    with right:
        _side("suppresses", SUPPRESSES, "training on these rows makes it less so")
        _cards(study, attribution, bottom, spans, tokens)
    st.subheader("All scores")
    low, high = float(bottom["score"].iloc[-1]), float(top["score"].iloc[-1])
    st.plotly_chart(
        histogram_figure(scores["score"].to_numpy(), low, high), key="scores", config={"displayModeBar": False}
    )
    st.caption(f"{len(scores):,} rows; coloured bins reach as far in as the {count} rows shown on each side.")


def _about(attribution: Attribution, study: Study) -> None:
    """What was asked, how far the ranking depends on seeds, and the warnings that follow."""
    stale_note(attribution.manifest.spec["study"], study, "This attribution")
    for doubt in attribution.doubts:
        st.warning(plain(doubt))
    result = attribution.manifest.result
    reliability = result["reliability"]
    st.caption(
        "Rank agreement (Spearman) between the two halves of the probe "
        f"{_agreement(reliability['probe_halves'])}, "
        f"between two label seeds of the curvature {_agreement(reliability['label_seeds'])}, "
        f"on {reliability['rows']:,} rows.",
        help="1 = the same ranking; near 0 = the ranking says more about its seeds than about the data.",
    )


def _agreement(value: float | None) -> str:
    return "undefined" if value is None or not math.isfinite(value) else f"**{value:.2f}**"


def _side(word: str, colour: str, meaning: str) -> None:
    st.html(
        f'<div style="border-top: 4px solid {colour}; padding-top: 0.3rem"><b>{word}</b> '
        f'<span style="opacity: 0.8">· {meaning}</span></div>'
    )


def _cards(study: Study, attribution: Attribution, rows: pd.DataFrame, spans: bool, tokens: bool) -> None:
    numbers = rows["row"].to_numpy()
    kinds, shares = study.kind_names(numbers), study.shares(numbers)
    for rank, (line, kind, share) in enumerate(zip(rows.to_dict("records"), kinds, shares, strict=True), start=1):
        row_card(study, attribution, rank, line, kind, float(share), spans, tokens)
