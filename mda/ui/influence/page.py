"""The page of influence: which training rows made a head what it is, and which worked against it."""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from mda.store.paths import read_only
from mda.studies.attributions import Attribution
from mda.ui.charts.colours import PROMOTES, SUPPRESSES
from mda.ui.frame.attribution import choose_attribution
from mda.ui.frame.checkpoints import ready
from mda.ui.frame.choices import keep, settle
from mda.ui.frame.jobs_panel import job_area, newest_job
from mda.ui.frame.notes import may_write, order_note
from mda.ui.frame.selection import View
from mda.ui.frame.share import offer_table
from mda.ui.influence import overview
from mda.ui.influence.about import doubts, explanation, trust
from mda.ui.influence.filters import Shown, clear_filters, filter_bar, filters_set, share_control, show_all
from mda.ui.influence.form import attribution_form
from mda.ui.influence.picked import pick_box, picked_bar, picked_rows
from mda.ui.influence.query import Found, page, pages, select
from mda.ui.influence.reads import ranking as ranking_of
from mda.ui.influence.reads import told_scores
from mda.ui.influence.search import has_text
from mda.ui.text.bring import bring_rows
from mda.ui.text.row_cards import row_card
from mda.ui.text.row_text import legend_html
from mda.ui.words.plain import listed, plain
from mda.ui.words.rows import kinds_note

_COMPARED_PIXELS = 600

ROWS_A_SIDE = 5
"""Rows of each side on a page."""


def influence_page(view: View) -> None:
    """Choose or launch an attribution, then read the rows at both ends of its ranking."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.header("Influence", width="content")
        trusted = st.container()
        buttons = st.container(horizontal=True, width="content")
    with buttons:
        explanation()
    order_note(view.study)
    job_area(newest_job(view.study.name, "attribute"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        attribution = choose_attribution(view)
        share = None if attribution is None else share_control()
    if attribution is None or share is None:
        if may_write():
            st.subheader("New attribution")
            attribution_form(view)
        return
    if not read_only() and buttons.button("New attribution", icon=":material/add:"):
        _new_attribution(view)
    with trusted:
        trust(attribution)
    doubts(attribution, view.study)
    _attribution(view, attribution, share)


@st.dialog("New attribution", width="large")
def _new_attribution(view: View) -> None:
    if attribution_form(view):
        st.rerun()


def _attribution(view: View, attribution: Attribution, share: float) -> None:
    """Figures, controls and rows of the chosen attribution. Raises UserError where the study lacks its rows."""
    ranking = ranking_of(attribution)
    part = overview.choose_part(attribution, ranking)
    figures = st.container()
    shown = filter_bar(view.study, attribution, ranking, share)
    with figures:
        if part == "scores":
            with st.container(horizontal=True, gap="medium"):
                with st.container():
                    overview.histogram(ranking, share)
                compared = st.container(width=_COMPARED_PIXELS)
        elif part == "kinds":
            compared = st.container()
        elif part == "steps":
            overview.through_training(view, attribution)
        else:
            overview.through_heads(attribution, share)
    draws = [partial(_rows, view, attribution, ranking, shown)]
    if part in ("scores", "kinds"):
        draws.append(partial(overview.composition, compared, view, attribution, share, part))
    if shown.tokens:  # comparing takes a second the first time, so the rows come first; their tokens take longer
        draws.reverse()
    for draw in draws:
        draw()
    offer_table("all-scores", partial(told_scores, attribution))
    overview.offer_tables(view, attribution, share)


def _rows(view: View, attribution: Attribution, ranking: pd.DataFrame, shown: Shown) -> None:
    """The rows of one page on both sides, and what is picked of them."""
    found = select(ranking, shown.query, shown.holding)
    offer_table("matching-scores", partial(matching_scores, told_scores(attribution), ranking, found))
    picked = picked_rows(view.study)
    picked_bar(picked, attribution)
    if not len(found.top) and not len(found.bottom):
        _none(view, found, shown)
        return
    number = _page_number(found, shown, kinds_note(view.study))
    sides = page(ranking, found, shown.sort, number, ROWS_A_SIDE)
    lacking = bring_rows(view.study, [int(row) for side in sides for row in side["row"]])
    if shown.tokens and not ready(view.study, attribution.steps, "the influence of tokens"):
        shown = shown._replace(tokens=False)
    st.html(legend_html(shown.spans, shown.tokens))
    what = f"the {view.probe.replace('_', ' ')} of {listed(attribution.manifest.spec['heads'][:3])}"
    values = ranking["score"].to_numpy()
    told = (
        f"raises {what}" if values[0] > 0 else "no row promotes; these suppress least",
        f"lowers {what}" if values[-1] < 0 else "no row suppresses; these promote least",
    )
    columns = st.columns(2, gap="medium")
    for column, word, colour, meaning, rows in zip(
        columns, ("promotes", "suppresses"), (PROMOTES, SUPPRESSES), told, sides, strict=True
    ):
        with column:
            _side(word, colour, meaning)
            _cards(view, attribution, rows, shown, picked, lacking)


def _page_number(found: Found, shown: Shown, help: str | None) -> int:
    """How many rows there are in words, and the pages of them."""
    last = pages(found, shown.sort, ROWS_A_SIDE)
    settle("page", 1, lambda text: int(text) if re.fullmatch("[1-9][0-9]{0,8}", text) else None, "page")
    st.session_state["page"] = min(int(st.session_state["page"]), last)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if filters_set():
            told = (
                f"**{len(found.top):,}** of the top {found.end:,} match, **{len(found.bottom):,}** of the bottom "
                f"{found.end:,}, {found.between:,} in between."
            )
        else:
            rows = len(found.matches)
            told = f"{found.end:,} rows at either end, of {rows:,}. Tick rows to retrain without them."
        st.caption(f"{told}{_unsearched(shown)}", width="content", help=help)
        number = st.pagination(last, key="page") if last > 1 else 1
    return keep("page", int(number), "" if number == 1 else str(number))


def _none(view: View, found: Found, shown: Shown) -> None:
    """What to say and offer where no row is left."""
    between = f" {found.between:,} rows in between do." if found.between else ""
    cause = f"none of the {found.end:,} rows at either end passes the filters.{between}"
    if shown.unknown:
        lacking = "tokenizer does not know" if has_text(view.study) else "vocabulary has no"
        cause = f"the {lacking} {listed([plain(f'“{word}”') for word in shown.unknown])}."
    st.info(f"No row matches; {cause}{_unsearched(shown)}")
    with st.container(horizontal=True):
        st.button("Clear all filters", on_click=clear_filters, icon=":material/filter_alt_off:")
        if found.between:
            st.button("Let top and bottom be all rows", on_click=show_all)


def _unsearched(shown: Shown) -> str:
    """That rows were left out of a search."""
    if not shown.unseen:
        return ""
    return f" {shown.unseen:,} scored rows are not on this machine, so their text was not searched."


def _side(word: str, colour: str, meaning: str) -> None:
    st.html(
        f'<div style="border-top: 4px solid {colour}; padding-top: 0.3rem"><b>{word}</b> '
        f'<span style="opacity: 0.8">· {html.escape(meaning)}</span></div>'
    )


def _cards(
    view: View,
    attribution: Attribution,
    rows: pd.DataFrame,
    shown: Shown,
    picked: list[int],
    lacking: Collection[int],
) -> None:
    if rows.empty:
        st.caption("No row of this side is on this page.")
    for line in rows.to_dict("records"):
        with st.container(horizontal=True, gap="xsmall"):
            pick_box(int(line["row"]), picked)
            with st.container(gap=None):
                row_card(
                    view.study, attribution, int(line["rank"]), line, line.get("kind"), float(line["repeated"]),
                    shown.spans, shown.tokens, int(line["row"]) not in lacking,
                )  # fmt: skip


def matching_scores(table: pd.DataFrame, ranking: pd.DataFrame, found: Found) -> pd.DataFrame:
    """The lines of a table of scores (by ascending row) that match, those in between too, by their rank."""
    places = np.flatnonzero(found.matches)
    lines = np.searchsorted(table["row"].to_numpy(), ranking["row"].to_numpy()[places])
    return table.take(lines).assign(rank=places + 1)
