"""Delays of retrains: one dot and interval an arm, and how they grow with the share of rows that was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mda.ui.charts.colours import GRID, RULE, translucent
from mda.ui.charts.panels import Panels, StepAxis

_NAMES_PIXELS, _NUMBERS_PIXELS, _ROW_PIXELS = 130, 112, 34


@dataclass(frozen=True)
class DelayLine:
    """One arm in the chart of delays: mean with its interval (None without one), the replicates' delays, how many
    of them are only bounds, and why there is no delay where there is none."""

    name: str
    colour: str
    mean: float
    low: float | None
    high: float | None
    runs: Sequence[float] = field(default=())
    censored: int = 0
    note: str = ""


def delays_figure(sections: Sequence[tuple[str, Sequence[DelayLine]]]) -> go.Figure:
    """Delay of every arm: a dot with its interval, the replicates as small dots, the numbers at the right.

    sections: title (may be empty) and arms. Right of zero: born later than in the baseline.
    """
    places: list[tuple[str, DelayLine | None]] = []
    for title, lines in sections:
        places += [(title, None)] * bool(title) + [(line.name, line) for line in lines]
    traces: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    zeros: list[dict[str, Any]] = []
    ends = [0.0]
    for y, (name, line) in enumerate(places):
        beside = {"y": y, "yref": "y", "showarrow": False, "yanchor": "middle"}
        if line is None:
            notes.append({**beside, "text": f"<b>{name}</b>", "x": 0, "xref": "paper", "xanchor": "left",
                          "xshift": -_NAMES_PIXELS, "align": "left"})  # fmt: skip
            continue
        notes.append({**beside, "text": _broken(name), "x": 0, "xref": "paper", "xanchor": "right", "xshift": -8,
                      "align": "right"})  # fmt: skip
        notes.append({**beside, "text": delay_words(line), "x": 1, "xref": "paper", "xanchor": "left", "xshift": 8,
                      "align": "left"})  # fmt: skip
        zeros.append(
            {"type": "line", "x0": 0, "x1": 0, "y0": y - 0.5, "y1": y + 0.5, "line": {"color": RULE, "width": 1.5}}
        )
        if np.isfinite(line.mean):
            traces += _delay_marks(line, y)
            ends += [line.mean, *(end for end in (line.low, line.high) if end is not None), *line.runs]
    room = 0.06 * (max(ends) - min(ends)) or 1.0
    return go.Figure(
        data=traces,
        layout={
            "height": _ROW_PIXELS * len(places) + 66,
            "margin": {"l": _NAMES_PIXELS, "r": _NUMBERS_PIXELS, "t": 10, "b": 46},
            "showlegend": False,
            "annotations": notes,
            "shapes": zeros,
            "xaxis": {"range": [min(ends) - room, max(ends) + room], "gridcolor": GRID, "zeroline": False,
                      "title": {"text": "steps later than the baseline (left of 0: earlier)", "standoff": 6},
                      "nticks": 7, "tickformat": ",d", "fixedrange": True},
            "yaxis": {"range": [len(places) - 0.4, -0.6], "showgrid": False, "zeroline": False,
                      "showticklabels": False, "fixedrange": True},
        },
    )  # fmt: skip


def delay_words(line: DelayLine) -> str:
    """`+48 [+45, +51]`, `≥ +90`, or why there is none."""
    if not np.isfinite(line.mean):
        return "undefined"
    bound = "≥ " if line.censored and line.mean >= 0 else "≤ " if line.censored else ""
    spread = "" if line.low is None or line.high is None else f" [{_whole(line.low)}, {_whole(line.high)}]"
    return f"{bound}{_whole(line.mean)}{spread}"


def _whole(steps: float) -> str:
    """Signed and rounded; nothing is told as minus zero."""
    return f"{round(steps):+,}" if round(steps) else "0"


def dose_figure(table: pd.DataFrame, names: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Delay against the share of rows that was changed, one line a selection, with intervals.

    table: as of `evidence.dose.responses`; names and colours by selection. All lines begin where nothing is
    changed.
    """
    panels = Panels(["delay in steps"], [260], StepAxis(log=False, first=1))
    largest = 100 * float(table["fraction"].max())
    low = float(np.nanmin([0.0, *table["low"], *table["delay"]]))
    high = float(np.nanmax([0.0, *table["high"], *table["delay"]]))
    shown = list(dict.fromkeys(table["selection"]))
    for place, selection in enumerate(shown):
        mine = table[table["selection"] == selection]
        colour = colours[selection]
        aside = 0.006 * largest * (place - (len(shown) - 1) / 2)  # so that intervals do not cover each other
        percent = np.array([0.0, *(100 * mine["fraction"])])
        mean = np.array([0.0, *mine["delay"]])
        panels.line(1, percent, mean, names[selection], colour)
        panels.figure.add_scatter(
            x=percent[1:] + aside,
            y=mean[1:],
            mode="markers",
            marker={"size": 9, "color": colour},
            error_y={
                "type": "data", "symmetric": False, "thickness": 2, "width": 0,
                "array": (mine["high"] - mine["delay"]).fillna(0),
                "arrayminus": (mine["delay"] - mine["low"]).fillna(0),
            },
            hovertemplate=f"{names[selection]} %{{x:.3g}} %: %{{y:+.0f}} steps<extra></extra>",
            showlegend=False,
        )  # fmt: skip
    room = 0.06 * (high - low) or 1.0
    panels.fix(1, low - room, high + room)
    figure = panels.finish((0, 1.03 * largest))
    shares = [0.0, *sorted(100 * table["fraction"].unique())]
    figure.update_xaxes(
        title_text="share of the window's rows that was changed (%)",
        tickvals=shares,
        ticktext=[f"{share:g}" for share in shares],
    )
    figure.add_hline(y=0, line={"color": RULE, "width": 1})
    return figure


def _delay_marks(line: DelayLine, y: int) -> list[dict[str, Any]]:
    """Small dots of the replicates under the interval, and the mean on it."""
    shared: dict[str, Any] = {"type": "scatter", "showlegend": False}
    traces: list[dict[str, Any]] = []
    if len(line.runs) > 1:
        traces.append(
            {**shared, "x": list(line.runs), "y": [y + 0.22] * len(line.runs), "mode": "markers",
             "marker": {"size": 5, "color": translucent(line.colour, 0.6)},
             "hovertemplate": f"{line.name}, one replicate: %{{x:+.0f}} steps<extra></extra>"}
        )  # fmt: skip
    if line.low is not None and line.high is not None:
        traces.append(
            {**shared, "x": [line.low, line.high], "y": [y, y], "mode": "lines", "hoverinfo": "skip",
             "line": {"color": line.colour, "width": 3}}
        )  # fmt: skip
    symbol = "circle" if not line.censored else "triangle-right" if line.mean >= 0 else "triangle-left"
    hover = f"{line.name}: {delay_words(line)} steps<extra></extra>"
    traces.append(
        {**shared, "x": [line.mean], "y": [y], "mode": "markers", "hovertemplate": hover,
         "marker": {"size": 12, "color": line.colour, "symbol": symbol}}
    )  # fmt: skip
    return traces


def _broken(name: str) -> str:
    """A long name in two lines."""
    if len(name) < 22 or " " not in name:
        return name
    middle = min((at for at, letter in enumerate(name) if letter == " "), key=lambda at: abs(at - len(name) / 2))
    return f"{name[:middle]}<br>{name[middle + 1 :]}"
