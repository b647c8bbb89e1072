"""The page of one training row: its text, its place in training, its influence, its loss, and its relatives."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from mda.span_search import longest_repeats
from mda.spans import repeated_share
from mda.studies.attributions import Attribution
from mda.studies.study import Study
from mda.ui.attention.frames import frames_at, row_sequence
from mda.ui.attention.viewer import attention_viewer
from mda.ui.charts.row import heads_figure, strongest
from mda.ui.frame.attribution import choose_attribution
from mda.ui.frame.cached import attributions, retrains, scores
from mda.ui.frame.checkpoints import ready
from mda.ui.frame.choices import switch
from mda.ui.frame.links import ATTENTION, INFLUENCE, page_link
from mda.ui.frame.notes import order_note, stale_note
from mda.ui.frame.selection import View
from mda.ui.frame.share import chart, offer_table
from mda.ui.row.choice import rank_controls, row_controls, settle_row
from mda.ui.row.history import covering, scores_by_head
from mda.ui.row.ranking import Place, place_of
from mda.ui.row.related import retrains_area, sharing_area
from mda.ui.row.training import training_area
from mda.ui.text.bring import NOT_HERE, bring_rows
from mda.ui.text.row_reads import RowText, row_text, token_influence
from mda.ui.text.row_text import legend_html, row_html
from mda.ui.text.visible import visible
from mda.ui.words.plain import plain, rounded
from mda.ui.words.rows import kinds_note, place_words

_LONG = 6000  # letters of a text that scrolls in a box of its own
_BOX_PIXELS = 420
_CONTROLS_PIXELS = 530


def row_page(view: View) -> None:
    """Choose a row and read everything that is known of it."""
    study = view.study
    header = st.container()
    side_by_side = st.container(horizontal=True, gap="medium")  # one below the other where that is too narrow
    left, right = side_by_side.container(width=_CONTROLS_PIXELS), side_by_side.container(width="stretch")
    with right:
        attribution = choose_attribution(view)
    table = None if attribution is None else scores(attribution)
    row = settle_row(study.facts.rows, _default_row(table))
    place = None if table is None else place_of(table, row)
    header.header(f"Row {row:,}", help="One training sequence: what it says, when it was learnt, and what it did.")
    with left:
        row_controls(study, row)
    order_note(study)
    missing = st.container()
    with missing:
        text = None if bring_rows(study, [row]) else row_text(study, row)
    _facts(study, row, text)
    _standing(view, attribution, row, place)
    if text is None:
        st.caption(NOT_HERE)
    else:
        _text(view, attribution if place else None, row, text)
    if attribution is not None and table is not None and place is not None:
        _heads(view, attribution, table, row, place)
    if text is not None:
        _attention(view, row)
    training_area(view, attribution, row, text is not None)
    st.subheader("Retrains that changed it")
    retrains_area(study, row, retrains(study.name), attributions(study.name), attribution)
    if text is not None:
        st.subheader("Rows that share its spans")
        sharing_area(study, row, text, attribution, table)


def _default_row(table: pd.DataFrame | None) -> int:
    """The row that promotes most, or the first."""
    return 0 if table is None or table.empty else int(table["row"].iloc[int(table["score"].to_numpy().argmax())])


def _facts(study: Study, row: int, text: RowText | None) -> None:
    """Where in training the row lies and, if it is here, what it is made of, in one line."""
    facts = [place_words(study, row)]
    if text is not None:
        tokens = np.asarray(study.rows[row])[None]
        kind, longest = study.kind_names(np.array([row]))[0], int(longest_repeats(tokens)[0])
        facts += [
            f"kind **{plain(kind)}**" if kind is not None else "",
            f"{tokens.shape[1]:,} tokens",
            f"**{100 * repeated_share(tokens[0]):.0f} %** repeated",
            f"longest repeat **{longest}** tokens" if longest else "no repeat of three tokens or more",
        ]
    st.markdown(" · ".join(fact for fact in facts if fact), help=kinds_note(study))


def _standing(view: View, attribution: Attribution | None, row: int, place: Place | None) -> None:
    """The row's rank and score in the attribution, in a sentence."""
    if attribution is None:
        return
    stale_note(attribution.manifest.spec["study"], view.study, "This attribution")
    if place is None:
        (first, last), choice = attribution.rows, attribution.choice
        whole = choice.sample is None and choice.per_step is None
        scored = f"rows {first:,} to {last - 1:,}" if whole else choice.words
        st.info(f"This attribution scored {scored}, and row {row:,} is not among them.")
        for one in covering(attributions(view.study.name), view.head, view.probe, row):
            st.button(f"Read it in {plain(one.title)}", on_click=_put_attribution, args=(one.id,), type="tertiary")
        return
    heads = plain(" + ".join(attribution.manifest.spec["heads"][:3]))
    verb = "promotes" if place.score > 0 else "suppresses" if place.score < 0 else "does nothing to"
    upper = place.rank <= (place.rows + 1) / 2
    share = (place.rank if upper else place.rows - place.rank + 1) / place.rows
    end = f"{'top' if upper else 'bottom'} {100 * share:.2g} %"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f"**Rank {place.rank:,} of {place.rows:,}** ({end}): training on this row **{verb}** {heads}, "
            f"with score **{rounded(place.score)}**.",
            help="The score is the influence on the probe: positive where a step on this row raises it. Its unit "
            "has no meaning of its own; compare rows by rank.",
            width="content",
        )
        rank_controls(place)
        page_link(INFLUENCE, "The ranking", ":material/swap_vert:", attribution=attribution.id)


def _put_attribution(name: str) -> None:
    st.session_state["attribution"] = name


def _text(view: View, attribution: Attribution | None, row: int, text: RowText) -> None:
    """The row's text with both layers, each of which can be switched off."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        spans = switch("Mark repeated spans", True, "spans")
        tokens = False
        if attribution is not None:
            tokens = switch(
                "Influence of every token", True, "influence",
                "Loads the checkpoints of the attribution, which takes a moment the first time. The influence of "
                "all tokens adds up to the row's score.",
            )  # fmt: skip
    influence = None
    if tokens and attribution is not None and ready(view.study, attribution.steps, "the influence of tokens"):
        influence = token_influence(attribution, row)
    st.html(legend_html(spans, influence is not None))
    long = sum(map(len, text.pieces)) > _LONG
    with st.container(border=True, height=_BOX_PIXELS if long else "content"):
        st.html(row_html(text.pieces, text.places() if spans else [], influence))
    if text.spans:
        with st.expander(f"Its {len(text.spans)} repeated spans as a table"):
            st.dataframe(_spans_table(text), hide_index=True)
        offer_table(f"row-{row}-spans", partial(_spans_table, text))
    offer_table(f"row-{row}-tokens", partial(_tokens_table, view.study, row, text, influence))


def _attention(view: View, row: int) -> None:
    """Where the head looks in the row at the view's step, and the page that plays it."""
    st.subheader(f"Where {view.head} looks in it", help=f"At step {view.step:,}, as chosen at the side.")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        shown = switch("Attention", False, "attention", f"Runs the model of step {view.step:,} on this row.")
        page_link(ATTENTION, "All heads, and its birth played", ":material/visibility:", source="row", row=row)
    if shown and ready(view.study, [view.step], f"where {view.head} looks"):
        frames = frames_at(view, view.head, [view.step], row_sequence(view.study, row))
        attention_viewer(frames, f"viewer-{view.study.name}-{row}")


def _spans_table(text: RowText) -> pd.DataFrame:
    """One line a repeated span: number, length, how often, places, periods and text."""
    return pd.DataFrame(
        [
            {
                "span": span.index + 1,
                "tokens": span.length,
                "times": len(span.starts),
                "starts at": ", ".join(map(str, span.starts)),
                "periods": ", ".join(map(str, span.gaps)),
                "text": visible("".join(text.pieces[span.starts[0] : span.starts[0] + span.length])),
            }
            for span in text.spans
        ]
    )


def _tokens_table(study: Study, row: int, text: RowText, influence: np.ndarray | None) -> pd.DataFrame:
    table = pd.DataFrame({"place": range(len(text.pieces)), "token": study.rows[row], "text": text.pieces})
    if influence is not None:
        table["influence"] = np.append(influence, np.nan)  # the last token is only a target
    return table


def _heads(view: View, attribution: Attribution, table: pd.DataFrame, row: int, place: Place) -> None:
    """The row's score through each head's parameters."""
    line = table.iloc[int(np.searchsorted(table["row"].to_numpy(), row))]
    by_head = scores_by_head(attribution, line)
    st.subheader("Influence through each head")
    if len(by_head) == 1:
        head = next(iter(by_head))
        st.caption(f"This attribution follows the parameters of {head} alone: all of its score lies there.")
        return
    asked = plain(" + ".join(attribution.manifest.spec["heads"][:3]))
    st.caption(
        f"How a step on this row changes the probe of {asked} by changing the parameters of each head; the bars "
        f"add up to the score, {rounded(place.score)}."
    )
    drawn = strongest(by_head, view.head)
    told = ", ".join(f"{head} {value:+.2g}" for head, value in drawn.items())
    chart(heads_figure(drawn, view.head), f"row-{row}-heads", f"Bars: influence of row {row} by head. {told}.")
    if len(drawn) < len(by_head):
        st.caption(f"Drawn are the {len(drawn)} of {len(by_head)} heads with most of it.")
