"""Curves of the chosen experiments: the view's head, all heads, losses, in-context learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from mda.heads.geometry import Head
from mda.studies.retrains import BASELINE, Retrain
from mda.ui.charts.colours import GREY
from mda.ui.charts.retrain import CurvesPanel, curves_figure, heads_figure
from mda.ui.frame import share
from mda.ui.frame.choices import choose, keep, parse_option, settle
from mda.ui.frame.selection import View
from mda.ui.retrain.experiments import SELECTION_NAMES, Experiment, colours_of, titles
from mda.ui.retrain.reads import drawn, head_curves, model_curves
from mda.ui.words.plain import name_of
from mda.workflows.compare import baselines_of

MOST_PANELS = 4
MOST_HEADS = 16
LOSSES = {
    "validation_loss": "validation loss (nats per token)",
    "induction_loss": "induction loss (nats per token)",
    "loss": "training loss, last batch (nats per token)",
}
ICL = "in-context learning (nats; lower: more)"
_NAMES = {**SELECTION_NAMES, BASELINE: "baseline"}


def curves_area(view: View, chosen: Sequence[Experiment], found: Sequence[Retrain]) -> None:
    """found: all retrains of the study, among which the baselines are."""
    labels = {"head": str(view.head), "heads": "all heads", "losses": "losses", "icl": "in-context learning"}
    st.markdown(
        "**Curves**: mean over replicates, in a band from the lowest to the highest",
        help="The shaded steps are those in which rows were changed; the rule marks the step chosen at the side.",
    )
    settle("shown", "head", parse_option(list(labels)), "kind of curves")
    shown = keep("shown", st.segmented_control(
        "Curves of", list(labels), key="shown", format_func=lambda kind: labels.get(kind, kind), required=True,
        label_visibility="collapsed",
    ))  # fmt: skip
    several = list(chosen)
    if shown in ("heads", "losses"):
        several = [_one_of(chosen)]
    elif len(chosen) > MOST_PANELS:
        st.caption(f"Shown are the first {MOST_PANELS} of {len(chosen)} experiments.")
        several = several[:MOST_PANELS]
    if shown == "heads":
        st.caption(f"{name_of(view.score).capitalize()} of up to {MOST_HEADS} heads, the strongest, on one scale.")
    runs = {one.key: [*_baselines(one, found), *one.runs] for one in several}
    _offer(several, runs)
    if len({one.window for one in several}) > 1:
        st.caption("These experiments have different windows: their curves share only the axis of steps.")
    made_of = [run.manifest.identity for one in several for run in runs[one.key]]
    key = (str(shown), str(view.head), view.score, view.step, *titles(several).items(), *made_of)
    figure = drawn(key, lambda: _figure(view, several, runs, str(shown)))
    share.chart(figure, f"curves-{shown}", f"{labels[str(shown)]} in every arm, over training steps.")


def _one_of(chosen: Sequence[Experiment]) -> Experiment:
    if len(chosen) == 1:
        return chosen[0]
    named = titles(chosen)
    key = choose(
        "Of the experiment", list(named), chosen[0].key, "experiment", "experiment", format_func=named.__getitem__
    )
    return next(one for one in chosen if one.key == key)


def _baselines(one: Experiment, found: Sequence[Retrain]) -> list[Retrain]:
    there = baselines_of(one.runs[0], found)
    return [there[number] for number in sorted({run.replicate for run in one.runs}) if number in there]


def _colours(one: Experiment) -> dict[str, str]:
    return {BASELINE: GREY, **colours_of(one)}


def _selections(table: pd.DataFrame) -> pd.DataFrame:
    """The arm as its selection alone."""
    return table.assign(arm=table["arm"].str.rpartition(".")[2])


def _head(runs: Sequence[Retrain], view: View) -> pd.DataFrame:
    table = head_curves(runs)
    table = table[(table["head"] == str(view.head)) & table[view.score].notna()]
    return _selections(table[["arm", "replicate", "step", view.score]].rename(columns={view.score: "value"}))


def _model(runs: Sequence[Retrain], column: str) -> pd.DataFrame:
    table = model_curves(runs)
    table = table[table[column].notna()]
    return _selections(table[["arm", "replicate", "step", column]].rename(columns={column: "value"}))


def _figure(
    view: View, several: Sequence[Experiment], runs: Mapping[str, Sequence[Retrain]], shown: str
) -> go.Figure:
    """The curves that are shown: all heads or the losses of one experiment, or one panel an experiment."""
    first, named = several[0], titles(several)
    if shown == "heads":
        table = _selections(head_curves(runs[first.key]))
        heads = _strongest(table, view)
        return heads_figure(table, heads, view.score, _NAMES, _colours(first), first.window)
    if shown == "losses":
        tables = [(title, first, _model(runs[first.key], column)) for column, title in LOSSES.items()]
    else:
        title = ICL if shown == "icl" else f"{name_of(view.score)} of {view.head}"
        tables = []
        for one in several:
            table = _model(runs[one.key], "icl") if shown == "icl" else _head(runs[one.key], view)
            tables.append((f"{named[one.key]}: {title}" if len(several) > 1 else title, one, table))
    limits = None
    if shown == "head":
        limits = (0.0, 1.08 * max([0.1, *(float(table["value"].max()) for _, _, table in tables if len(table))]))
    panels = [CurvesPanel(title, table, _NAMES, _colours(one), limits) for title, one, table in tables]
    windows = {one.window for one in several}
    return curves_figure(panels, windows.pop() if len(windows) == 1 else None, view.step)


def _strongest(table: pd.DataFrame, view: View) -> list[str]:
    """The view's head and those that end highest in the baseline, in the order of the model."""
    base = table[table["arm"] == BASELINE]
    base = table if base.empty else base
    last = base[base["step"] == base["step"].max()].groupby("head")[view.score].mean()
    heads = sorted(last.index, key=lambda head: (head != str(view.head), -np.nan_to_num(last[head])))[:MOST_HEADS]
    return sorted(heads, key=lambda head: (Head.parse(head).layer, Head.parse(head).index))


def _offer(several: Sequence[Experiment], runs: dict[str, list[Retrain]]) -> None:
    """The curves that are shown, of all heads and of the model, as tables."""

    def named(read: str) -> pd.DataFrame:
        tables = []
        for one in several:
            table = head_curves(runs[one.key]) if read == "heads" else model_curves(runs[one.key])
            tables.append(_selections(table).assign(experiment=one.title))
        return pd.concat(tables, ignore_index=True)

    share.offer_table("curves of heads", lambda: named("heads"))
    share.offer_table("curves of the model", lambda: named("model"))
