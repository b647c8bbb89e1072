"""Delays of the chosen experiments: what they show in words, the figure, the table, and dose against response."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from mda.evidence.dose import responses, slopes
from mda.ui.charts.delays import DelayLine, delay_words, delays_figure, dose_figure
from mda.ui.frame import share
from mda.ui.frame.choices import keep, nearest, parse_option, settle
from mda.ui.frame.selection import View
from mda.ui.retrain.experiments import SELECTION_NAMES, Experiment, colours_of, titles
from mda.ui.retrain.findings import dose_finding, few_replicates, finding
from mda.ui.retrain.reads import drawn
from mda.ui.words.plain import name_of, plain

MOST_SENTENCES = 4
_HEADS_PIXELS = 135  # three of them
_ABOUT_DELAY = (
    "The step at which the running mean of three looks first reaches half of the baseline's final score (mean of "
    "its last three looks), arm minus baseline of the same replicate. An arm that never gets there is told as a "
    "bound (≥)."
)


def delays_area(view: View, chosen: Sequence[Experiment], runs: pd.DataFrame, table: pd.DataFrame) -> None:
    """runs, table: as of `reads.comparison`, of these experiments."""
    mine = table[table["score"] == view.score]
    if mine.empty:
        _nothing_born(view, table)
        _table(view, chosen, table)
        return
    sentences = st.container()
    heads = _choose_heads(view, list(dict.fromkeys(mine["head"])))
    mine = mine[mine["head"] == heads]
    told = {line["arm"]: line for line in mine.to_dict("records")}
    of_runs = runs[(runs["score"] == view.score) & (runs["head"] == heads)]
    lines = {one.key: _lines(one, told, of_runs) for one in chosen}
    named = titles(chosen)
    key = (heads, view.score, *named.items(), of_runs.to_csv())
    with sentences:
        _say(chosen, named, [finding(one, mine) for one in chosen])
    sections = [(named[one.key] if len(chosen) > 1 else "", list(lines[one.key].values())) for one in chosen]
    share.chart(
        drawn(("delays", *key), lambda: delays_figure(sections)),
        "delays",
        f"Delay of {heads} in every arm, with intervals and single replicates.",
    )
    if caution := few_replicates([line for _, section in sections for line in section]):
        st.caption(caution)
    _doses(chosen, of_runs, heads, key)
    _table(view, chosen, table)


def _choose_heads(view: View, heads: Sequence[str]) -> str:
    """Whose delay is drawn: the mean of all born heads, or one of them."""
    keys = {head.replace(" ", ""): head for head in heads}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Delay of the birth** ({name_of(view.score)}) of", help=_ABOUT_DELAY, width="content")
        if len(keys) == 1:
            st.markdown(f"**{heads[0]}**", width="content")
            return heads[0]
        options, first = list(keys), next(iter(keys))
        settle("of", first, parse_option(options), "head", lambda asked: nearest(asked, options, first), options)
        key = keep("of", st.selectbox(
            "Delay of", options, key="of", label_visibility="collapsed", width=320,
            format_func=lambda key: f"{keys[key]}, their mean" if "+" in key else keys.get(key, key),
        ))  # fmt: skip
    return keys[key]


def _say(chosen: Sequence[Experiment], named: Mapping[str, str], sentences: Sequence[str]) -> None:
    """One sentence an experiment, each with its title where what was done alone does not tell them apart."""
    told = [(one, sentence) for one, sentence in zip(chosen, sentences, strict=True) if sentence]
    for one, sentence in told[:MOST_SENTENCES]:
        title = "" if named[one.key] == one.parts[0] else f"*{plain(named[one.key])}.* "
        st.markdown(f"{title}{sentence}")


def _lines(one: Experiment, told: Mapping[Any, dict[Any, Any]], runs: pd.DataFrame) -> dict[str, DelayLine]:
    """An experiment's arms for one head score, by selection. told: a comparison's lines by arm; runs: of the
    same."""
    colours, found = colours_of(one), {}
    for selection in one.arms:
        arm = f"{one.key}.{selection}"
        if arm not in told:
            continue
        line = told[arm]
        found[selection] = DelayLine(
            SELECTION_NAMES[selection],
            colours[selection],
            float(line["delay"]),
            _end(line["delay_low"]),
            _end(line["delay_high"]),
            runs.loc[(runs["arm"] == arm) & runs["delay"].notna(), "delay"].tolist(),
            int(line["censored"]),
            str(line["note"]),
        )
    return found


def _end(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _nothing_born(view: View, table: pd.DataFrame) -> None:
    others = " and ".join(name_of(score) for score in dict.fromkeys(table["score"]))
    elsewhere = f" Heads are born into {others}: the table has their delays." if others else ""
    st.info(
        f"No head is born into {name_of(view.score)} in the baselines of this window, so there is no birth that "
        f"an arm could delay.{elsewhere} The curves below are there all the same."
    )


def _doses(chosen: Sequence[Experiment], runs: pd.DataFrame, heads: str, key: tuple[Hashable, ...]) -> None:
    """Where experiments differ in their fraction alone: the delay against it. key: of all that is drawn."""
    for series in dict.fromkeys(one.series for one in chosen):
        same = [one for one in chosen if one.series == series]
        if len(same) < 2:
            continue
        of_arm = {f"{one.key}.{name}": (name, one.fraction or 0.0) for one in same for name in one.arms}
        mine = runs[runs["arm"].isin(of_arm)]
        mine = mine.assign(
            selection=[of_arm[arm][0] for arm in mine["arm"]],
            fraction=[of_arm[arm][1] for arm in mine["arm"]],
        )
        table = responses(mine.sort_values("selection", key=lambda s: s.map(list(SELECTION_NAMES).index)))
        table = table[table.groupby("selection")["fraction"].transform("nunique") > 1]
        if table.empty:
            continue
        st.markdown(f"**Dose and response**: {plain(same[0].shared['action'])} more rows, and how much later?")
        if sentence := dose_finding(slopes(mine), SELECTION_NAMES, heads):
            st.markdown(sentence)
        colours = {name: colour for one in same for name, colour in colours_of(one).items()}
        draw = partial(dose_figure, table, SELECTION_NAMES, colours)
        share.chart(
            drawn(("dose", series, *key), draw),
            f"dose-{same[0].key}",
            f"Delay of {heads} against the share of rows that was changed, by selection, with intervals.",
        )
        share.offer_table(f"dose-{same[0].key}", table)


def _table(view: View, chosen: Sequence[Experiment], table: pd.DataFrame) -> None:
    """Changes and delays of every arm, score and head; the view's score first."""
    if table.empty:
        return
    named = titles(chosen)
    names = {f"{one.key}.{name}": (named[one.key], SELECTION_NAMES[name]) for one in chosen for name in one.arms}
    table = table.sort_values("score", key=lambda score: score != view.score, kind="stable")
    table = table.assign(
        experiment=[names[arm][0] for arm in table["arm"]], arm=[names[arm][1] for arm in table["arm"]]
    )
    share.offer_table("delays", table)
    shown = pd.DataFrame(
        {
            "heads": table["head"],
            "score": [name_of(score) for score in table["score"]],
            **({"experiment": table["experiment"]} if len(chosen) > 1 else {}),
            "arm": table["arm"],
            "delay in steps [95 %]": _intervals(table, "delay"),
            "change [95 %]": _intervals(table, "change"),
            "baseline's final": table["baseline"],
            "arm's final": table["final"],
            "replicates": table["replicates"],
            "note": table["note"],
        }
    )
    if not table["note"].any():
        del shown["note"]
    st.dataframe(
        shown,
        hide_index=True,
        height=min(420, 38 + 35 * len(shown)),
        column_config={
            "heads": st.column_config.TextColumn(width=_HEADS_PIXELS),
            "baseline's final": st.column_config.NumberColumn(format="%.2f", help="Mean of the last three looks."),
            "arm's final": st.column_config.NumberColumn(format="%.2f", help="Mean of the last three looks."),
            "arm": st.column_config.TextColumn(width="medium"),
            "delay in steps [95 %]": st.column_config.TextColumn(help=_ABOUT_DELAY),
            "change [95 %]": st.column_config.TextColumn(help="Final score, arm minus baseline, paired."),
        },
    )


def _intervals(table: pd.DataFrame, column: str) -> list[str]:
    """`+12 [+3, +20]`, without brackets where there is one replicate, a dash where undefined."""
    told = []
    for line in table.to_dict("records"):
        mean, low, high = line[column], _end(line[f"{column}_low"]), _end(line[f"{column}_high"])
        if pd.isna(mean):
            told.append("–")
        elif column == "delay":
            told.append(delay_words(DelayLine("", "", mean, low, high, (), line["censored"])))
        else:
            spread = "" if low is None or high is None else f" [{_hundredths(low)}, {_hundredths(high)}]"
            told.append(f"{_hundredths(mean)}{spread}")
    return told


def _hundredths(value: float) -> str:
    """Signed; nothing is told as minus zero."""
    return f"{value:+.2f}" if abs(value) >= 0.005 else "0.00"
