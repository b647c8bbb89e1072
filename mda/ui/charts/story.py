"""Charts of a study's story: how its heads were born, and small charts of estimates with their intervals."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mda.evidence.enrichment import ALL_ROWS
from mda.heads.geometry import Head
from mda.studies.attributions import LOW_RELIABILITY
from mda.ui.charts.colours import FAINT, GREY, GRID, PROMOTES, RULE, SUPPRESSES, arm_colours
from mda.ui.charts.heads import add_heads, in_front
from mda.ui.charts.panels import Panels, StepAxis
from mda.ui.words.story import kind_ratios, times

_MOST_KINDS = 4  # those whose frequency differs most from that among all rows
_SELECTED = {
    "top": "top rows",
    "bottom": "bottom rows",
    "random": "random rows",
    "matched-kind": "same kinds",
    "matched-repetition": "same kinds, repetition",
    "rows": "chosen rows",
}
_LINE_PIXELS = 22
_SPARK = (240, 44)  # pixels, wide and high


def story_figure(
    heads: pd.DataFrame,
    models: pd.DataFrame,
    front: Mapping[str, Sequence[Head]],
    until: int | None = None,
    step: int | None = None,
) -> go.Figure:
    """How heads were born: prefix matching and previous token of every head over the losses.

    front: the heads to colour, by score. until: the last step to come, so that the axis does not grow while a
    job runs. The rule marks `step`.
    """
    panels = Panels(
        [
            "prefix matching of every head: induction heads rise",
            "previous token of every head",
            "loss (nats per token)",
        ],
        [125, 95, 75],
        StepAxis.of(heads["step"].to_numpy(np.int64)),
    )
    for row, score in enumerate(("prefix_matching", "previous_token"), start=1):
        add_heads(panels, row, heads, score, in_front(front.get(score, [])))
    # greys: colours belong to heads
    shown = (("induction_loss", "induction", "solid"), ("validation_loss", "validation", "dash"))
    for key, name, dash in (*shown, ("loss", "training", "dot")):
        if key in models and models[key].notna().any():
            known = models[models[key].notna()]
            steps, values = known["step"].to_numpy(np.int64), known[key].to_numpy(np.float64)
            panels.line(3, steps, values, name, GREY, dash)
    if step is not None:
        panels.rule(step)
    return panels.finish(None if until is None else (0, until))


@dataclass(frozen=True)
class Dots:
    """One dot a line: its value, the ends of its interval (NaN: none), its colour, and what hovering says."""

    values: Sequence[float] | np.ndarray
    low: Sequence[float] | np.ndarray
    high: Sequence[float] | np.ndarray
    colours: Sequence[str] | str
    told: Sequence[str]
    name: str = ""  # told above the chart, where there are several kinds of dots


def dots_figure(
    labels: Sequence[str],
    dots: Sequence[Dots],
    right: Sequence[str],
    title: str,
    rule: float | None = None,
    rule_label: str = "",
    **axis: object,
) -> go.Figure:
    """Lines of dots with intervals, the first on top: labels left, `right` after them, a dotted rule at a value.

    title and axis: of the values' axis, the latter in plotly's words.
    """
    places = np.arange(len(labels))
    traces = [trace for one in dots for trace in _traces(one, places)]
    notes = [_note(1, place, text, xanchor="left", xshift=6, yref="y") for place, text in enumerate(right)]
    if named := [f'<span style="color:{one.colours}">●</span> {one.name}' for one in dots if one.name]:
        notes.append(_note(0, 1, "   ".join(named), xanchor="left", yanchor="bottom", yshift=4))
    if rule_label:
        notes.append(_note(rule, 1, rule_label, xref="x", yanchor="bottom", yshift=4))
    line = {"color": RULE, "width": 1, "dash": "dot"}
    rules = [] if rule is None else [{"x0": rule, "x1": rule, "y0": 0, "y1": 1, "yref": "paper", "line": line}]
    top, bottom = 28 if named or rule_label else 6, 42 if title else 26
    layout = {
        "height": _LINE_PIXELS * len(labels) + top + bottom,
        "margin": {"l": 10, "r": 14 + int(6.2 * max(map(len, right), default=0)), "t": top, "b": bottom},
        "showlegend": False,
        "hovermode": "closest",
        "uirevision": "dots",
        "annotations": notes,
        "shapes": rules,
        "xaxis": {"title": {"text": title, "standoff": 6}, "gridcolor": GRID, "zeroline": False, **axis},
        "yaxis": {
            "tickvals": places,
            "ticktext": list(labels),
            "range": [len(labels) - 0.4, -0.6],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        },
    }
    return go.Figure({"data": traces, "layout": layout})  # at once: plotly is slow to add one by one


def _traces(one: Dots, places: np.ndarray) -> list[dict[str, Any]]:
    """The intervals as lines, of which each has its own colour, and the dots."""
    colours = [one.colours] * len(places) if isinstance(one.colours, str) else list(one.colours)
    intervals = [
        {
            "x": [low, high], "y": [place, place], "mode": "lines", "line": {"color": colour, "width": 2.5},
            "opacity": 0.7, "hoverinfo": "skip",
        }
        for place, low, high, colour in zip(places, one.low, one.high, colours, strict=True)
        if np.isfinite(low) and np.isfinite(high)
    ]  # fmt: skip
    marks = {
        "x": one.values, "y": places, "mode": "markers", "marker": {"color": colours, "size": 10},
        "text": list(one.told), "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip
    return [*intervals, marks]


def _note(x: float | None, y: float, text: str, **more: Any) -> dict[str, Any]:
    return {
        "x": x, "y": y, "xref": "paper", "yref": "paper", "text": text, "showarrow": False, "font": {"size": 12},
        **more,
    }  # fmt: skip


def composition_figure(table: pd.DataFrame, top: str) -> go.Figure:
    """What the group `top` is made of beside all rows; table: of `evidence.enrichment.enrichment`."""
    mine, everything = table[table["group"] == top], table[table["group"] == ALL_ROWS]
    share, of_all = (group[group["measure"] == "mean repeated share"].iloc[0] for group in (mine, everything))
    kinds = kind_ratios(mine, everything)
    telling = (kinds["value"] - kinds["all_value"]).abs().nlargest(_MOST_KINDS).index
    kinds = kinds.loc[sorted(telling)]
    labels = ["repeated text", *kinds["kind"].map(html.escape)]
    widest = 100 * float(np.nanmax([share["value"], of_all["value"], *kinds["value"], *kinds["all_value"]]))

    def dots(prefix: str, first: pd.Series, name: str, colour: str) -> Dots:
        value, low, high = (
            100 * np.array([first[key], *kinds[f"{prefix}{key}"]]) for key in ("value", "low", "high")
        )
        told = [
            f"{label}, {name}: {middle:.1f} % ({below:.1f} to {above:.1f})"
            for label, middle, below, above in zip(labels, value, low, high, strict=True)
        ]
        return Dots(value, low, high, colour, told, name)

    return dots_figure(
        labels,
        [dots("all_", of_all, ALL_ROWS, GREY), dots("", share, top, PROMOTES)],
        [times(ratio).replace(" times", " ×") for ratio in [share["value"] / of_all["value"], *kinds["ratio"]]],
        "% of tokens (repeated text) or of rows (kinds)",
        range=[-0.03 * widest, 1.05 * widest],
    )


def effect_figure(lines: pd.DataFrame, action: str) -> go.Figure:
    """Delay of the birth by which rows were changed; of the final score where no delay could be measured.

    lines: one a selection (column `select`), of `evidence.compare.summarise`.
    """
    order = {select: place for place, select in enumerate(_SELECTED)}
    lines = lines.sort_values("select", key=lambda column: column.map(order))
    key, form, title = "delay", "{:+,.0f}", "steps by which the birth is later"
    if lines["delay"].isna().all():
        key, form, title = "change", "{:+.2f}", "change of the final score"
    value, low, high = (lines[column].to_numpy(np.float64) for column in (key, f"{key}_low", f"{key}_high"))
    labels = [f"{action} {_SELECTED[select]}" for select in lines["select"]]
    right = [form.format(one) if np.isfinite(one) else "–" for one in value]
    if key == "delay":
        right = [
            f"≥ {text}" if censored else text for text, censored in zip(right, lines["censored"], strict=True)
        ]
    colours = arm_colours(f"{action} {select}" for select in lines["select"])
    told = [
        f"{label}: {text}" + (f" ({form.format(a)} to {form.format(b)})" if np.isfinite([a, b]).all() else "")
        for label, text, a, b in zip(labels, right, low, high, strict=True)
    ]
    return dots_figure(labels, [Dots(value, low, high, list(colours.values()), told)], right, title, 0.0)


def agreement_figure(measured: Mapping[str, Any]) -> go.Figure:
    """The two rank agreements of an attribution on one axis; measured: its result's `reliability`."""
    found = [measured["probe_halves"], measured["label_seeds"]]
    values = np.array([np.nan if value is None else value for value in found], dtype=np.float64)
    labels, nothing = ["two halves of the probe", "two fits of the curvature"], np.full(2, np.nan)
    return dots_figure(
        labels,
        [
            Dots(
                values,
                nothing,
                nothing,
                [SUPPRESSES if value < LOW_RELIABILITY else PROMOTES for value in values],
                [f"{label}: {value:.3f}" for label, value in zip(labels, values, strict=True)],
            )
        ],
        [f"{value:.2f}" if np.isfinite(value) else "–" for value in values],
        "",
        LOW_RELIABILITY,
        f"rank agreement, low below {LOW_RELIABILITY:g}",
        range=[min(0.0, *np.nan_to_num(values)) - 0.02, 1.03],
        dtick=0.2,
    )


def spark_svg(steps: np.ndarray, values: np.ndarray, colour: str) -> str:
    """A curve of steps [E] and values [E] in [0, 1] as a small picture, on the axis that fits the steps."""
    axis = StepAxis.of(steps)
    places = np.log(axis.x(steps)) if axis.log else axis.x(steps)
    wide, high = _SPARK
    span = float(np.ptp(places)) or 1.0
    x = 3 + (wide - 6) * (places - places.min()) / span
    y = 3 + (high - 6) * (1 - np.clip(values, 0, 1))
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}">'
        f'<line x1="3" x2="{wide - 3}" y1="{high - 3}" y2="{high - 3}" stroke="{FAINT}"/>'
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-linejoin="round"/>'
        "</svg>"
    )
