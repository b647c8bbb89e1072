"""Figures of a whole attribution: its scores, what its ends are made of, and when and through what it works."""

from __future__ import annotations

import html
from functools import partial

import pandas as pd
import streamlit as st

from mda.errors import UserError
from mda.studies.attributions import Attribution
from mda.ui.charts.colours import GREEN, PROMOTES, PURPLE, SKY, SUPPRESSES
from mda.ui.charts.heads import head_curves
from mda.ui.charts.influence import MOST_HEADS, Dots, dots_figure, histogram_figure, steps_figure, through_figure
from mda.ui.frame.cached import head_table
from mda.ui.frame.choices import keep, parse_option, settle
from mda.ui.frame.public import public
from mda.ui.frame.selection import View
from mda.ui.frame.share import chart, offer_table
from mda.ui.influence import reads
from mda.ui.influence.query import end_size
from mda.ui.words.plain import name_of, plain
from mda.ui.words.rows import NO_ORDER, kinds_note

PARTS = {
    "scores": "Scores and repetition",
    "kinds": "Kinds of text",
    "steps": "Training steps",
    "heads": "Heads",
}


def percent(value: float) -> str:
    """`12 %` of a share."""
    return f"{100 * value:.0f} %"


_PANELS = (
    ("mean repeated share", "tokens<br>repeated", percent),
    ("highly repeated", "highly<br>repeated rows", percent),
    (reads.LONGEST_REPEAT, "longest repeat<br>(tokens)", "{:.1f}".format),
    (reads.TRAINING_STEP, "training<br>step", "{:,.0f}".format),
)
_KINDS_ACROSS = 4
_ABOUT_GROUPS = (
    "Dots are means, lines their 95 % bootstrap intervals over rows. The groups of other rows are as many as the "
    "top, none of them in it, from any training step: drawn at random; of the same kinds of text; and of the same "
    "kinds and, row by row, the most similar repeated share. Repeated: tokens in runs of three or more that "
    "occurred earlier in the row. Highly repeated: rows whose share of those is among the highest tenth of all."
)


def choose_part(attribution: Attribution, ranking: pd.DataFrame) -> str:
    """Which figure to show."""
    parts = [
        part
        for part in PARTS
        if (part != "kinds" or "kind" in ranking) and (part != "heads" or len(attribution.heads) > 1)
    ]
    settle("part", "scores", parse_option(parts), "figure", options=parts)
    part = st.segmented_control(
        "Figure", parts, key="part", format_func=PARTS.__getitem__, required=True, label_visibility="collapsed"
    )
    return keep("part", str(part), "" if part == "scores" else str(part))


def histogram(ranking: pd.DataFrame, share: float) -> None:
    """All scores, with the cuts that make top and bottom."""
    values, end = ranking["score"].to_numpy(), end_size(len(ranking), share)
    low, high = float(values[len(values) - end]), float(values[end - 1])
    chart(
        histogram_figure(values, low, high), "scores",
        f"Histogram of {len(values):,} scores: the top begins at {high:+.2g}, the bottom at {low:+.2g}.",
    )  # fmt: skip


def composition(
    place: st.delta_generator.DeltaGenerator, view: View, attribution: Attribution, share: float, part: str
) -> None:
    """What the top is made of, beside the bottom and other rows; `part`: "scores" (repetition) or "kinds"."""
    with place:
        _composition(view, attribution, share, part)


def _composition(view: View, attribution: Attribution, share: float, part: str) -> None:
    try:
        with st.spinner("Comparing the top with other rows …"):
            table = reads.composition(view.study, attribution, share)
    except UserError as error:
        st.caption(plain(public(str(error))))
        return
    groups = group_names(share, set(table["group"]), "kind share" in set(table["measure"]))
    rows = int(table.loc[table["group"] == reads.TOP, "rows"].iloc[0])
    sampled = int(table["rows"].max())
    if part == "kinds":
        shares = table[table["measure"] == "kind share"]
        order = shares[shares["group"] == reads.TOP].sort_values("value", ascending=False)["kind"]
        highest = float(shares["high"].max())
        panels = [Dots(html.escape(kind), shares[shares["kind"] == kind], percent, highest) for kind in order]
        across = _KINDS_ACROSS
    else:
        there = set(table["measure"])
        panels = [
            Dots(title, table[table["measure"] == name], form) for name, title, form in _PANELS if name in there
        ]
        across = len(panels)
    means = ", ".join(f"{panel.name} {panel.form(_of_top(panel))}" for panel in panels)
    chart(dots_figure(panels, groups, across), f"made-of-{part}", f"The top {share:.3g} of the rows: {means}.")
    st.caption(
        f"{rows:,} rows a group, {'all' if sampled == attribution.manifest.result['rows'] else 'a random'} "
        f"{sampled:,} scored rows compared; lines: 95 % bootstrap.",
        help=f"{_ABOUT_GROUPS} {kinds_note(view.study) or ''}",
    )


def through_training(view: View, attribution: Attribution) -> None:
    """Influence against training steps, over the head's own curve."""
    if not view.study.facts.in_order:
        st.info(f"{NO_ORDER} So there is no influence against training steps; every row stands by itself.")
        return
    table = reads.by_step(attribution)
    heads = head_table(view.study.name)
    curve = None if heads.empty else head_curves(heads, view.score).get(view.head)
    what = name_of(view.score)
    chart(
        steps_figure(table, curve, view.head, what, view.step, attribution.steps), "by-step",
        f"Influence of the rows of each stretch of training, over the {what} of {view.head}.",
    )  # fmt: skip
    st.caption(
        f"Thin line: {what} of {view.head}; its diamonds are the checkpoints at which influence is measured. "
        "Lower panel: mean of a row with its 95 % bootstrap interval."
        if curve is not None
        else "The head's own curve is missing: its checkpoints are not scored yet."
    )


def through_heads(attribution: Attribution, share: float) -> None:
    """Through whose parameters the influence of both ends runs."""
    table = reads.by_head(attribution, share)
    ends = {
        reads.TOP: f"the top {100 * share:g} % runs through",
        reads.BOTTOM: f"the bottom {100 * share:g} % runs through",
    }
    sums = ", ".join(f"{line['head']} {line[reads.TOP]:+.3g}" for line in table.head(12).to_dict("records"))
    chart(through_figure(table, ends), "by-head", f"Sum of the top rows' scores through each head: {sums}.")
    some = f" Drawn are the {MOST_HEADS} heads with most of it." if len(table) > MOST_HEADS else ""
    st.caption(
        "Scores of all rows of an end added up, split by the head whose parameters would change; labels are "
        f"shares of the sum. A head without a bar is not upstream of what the probe measures.{some}"
    )


def offer_tables(view: View, attribution: Attribution, share: float) -> None:
    """The tables behind the figures."""
    offer_table("made-of", partial(reads.composition, view.study, attribution, share))
    if view.study.facts.in_order:
        offer_table("by-step", partial(reads.by_step, attribution))
    offer_table("by-head", partial(reads.by_head, attribution, share))


def group_names(share: float, there: set[str], kinds: bool) -> dict[str, tuple[str, str]]:
    """Name and colour of each group that is there, from the top."""
    names = {
        reads.TOP: (f"top {100 * share:g} %", PROMOTES),
        reads.BOTTOM: (f"bottom {100 * share:g} %", SUPPRESSES),
        reads.RANDOM: ("other rows", SKY),
        reads.SAME_KINDS: ("same kinds", GREEN),
        reads.SAME_REPETITION: ("same kinds + repetition" if kinds else "same repetition", PURPLE),
    }
    return {group: name for group, name in names.items() if group in there}


def _of_top(panel: Dots) -> float:
    return float(panel.lines.loc[panel.lines["group"] == reads.TOP, "value"].iloc[0])
