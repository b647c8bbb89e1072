"""Charts of head scores: the grid of all heads at a step, and their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mda.errors import UserError
from mda.heads.geometry import Geometry, Head
from mda.ui.charts.colours import GREY, RULE, SCORES, SIGNED, head_colour
from mda.ui.charts.panels import Panels, StepAxis
from mda.ui.words.plain import name_of

MOST_IN_FRONT = 6  # coloured lines that one panel can hold and be read
_GRID_WIDE, _GRID_HIGH = 285, 480  # pixels that the squares may take

MODEL_PANELS = {
    "induction_loss": "induction loss (nats per token)",
    "icl": "in-context learning (nats, lower: more)",
    "validation_loss": "validation loss (nats per token)",
}


def head_curves(frame: pd.DataFrame, score: str) -> dict[Head, tuple[np.ndarray, np.ndarray]]:
    """Steps and values of every head's score, from a table with columns step, layer, head and the score."""
    known = frame[frame[score].notna()].sort_values(["layer", "head", "step"])
    if known.empty:
        return {}
    places = known[["layer", "head"]].to_numpy(np.int64)
    steps, values = known["step"].to_numpy(np.int64), known[score].to_numpy(np.float64)
    cuts = np.flatnonzero(np.diff(places, axis=0).any(axis=1)) + 1
    return {
        Head(*map(int, places[start])): (of_steps, of_values)
        for start, of_steps, of_values in zip(
            [0, *cuts.tolist()], np.split(steps, cuts), np.split(values, cuts), strict=True
        )
    }


def grid_figure(frame: pd.DataFrame, score: str, selected: Head | None) -> go.Figure:
    """All heads of one step, layer by head, coloured by a score; a click carries the head's name.

    frame: one line a head, columns layer, head and the score. Markers and not a heatmap: heatmaps cannot be
    clicked in Streamlit.
    """
    layers, heads = int(frame["layer"].max()) + 1, int(frame["head"].max()) + 1
    signed = score == "copying"
    size = int(min(46, 0.86 * _GRID_WIDE / (heads + 0.4), 0.86 * _GRID_HIGH / (layers + 0.4)))
    figure = go.Figure(
        go.Scatter(
            x=frame["head"],
            y=frame["layer"],
            mode="markers+text" if size >= 34 else "markers",
            text=[f"{value:.2f}" for value in frame[score]],
            textfont={"size": 11, "color": [_ink(value, signed) for value in frame[score]]},
            marker={
                "symbol": "square",
                "size": size,
                "color": frame[score],
                "colorscale": SIGNED if signed else SCORES,
                "cmin": -1 if signed else 0,
                "cmax": 1,
                "line": {"width": 1, "color": RULE},
                "colorbar": {"thickness": 10, "len": 0.9, "outlinewidth": 0, "tickformat": ".1f"},
            },
            customdata=[[f"L{layer}H{head}"] for layer, head in zip(frame["layer"], frame["head"], strict=True)],
            hovertemplate=f"%{{customdata[0]}}: {name_of(score)} %{{marker.color:.3f}}<extra></extra>",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}, "textfont": {"color": None}},
            showlegend=False,
        )
    )
    if selected is not None:
        figure.add_scatter(
            x=[selected.index],
            y=[selected.layer],
            mode="markers",
            marker={
                "symbol": "square-open",
                "size": size + 7,
                "color": head_colour(selected),
                "line": {"width": 3},
            },
            hoverinfo="skip",
            showlegend=False,
        )
    figure.update_layout(
        height=int(min(_GRID_HIGH + 54, 100 + layers * (size + 14))),
        margin={"l": 50, "r": 10, "t": 10, "b": 44},
        clickmode="event+select",
        dragmode=False,
        uirevision="grid",
    )
    figure.update_xaxes(
        title_text="head", range=[-0.7, heads - 0.3], dtick=1, showgrid=False, zeroline=False, fixedrange=True
    )
    figure.update_yaxes(
        title_text="layer", range=[-0.7, layers - 0.3], dtick=1, showgrid=False, zeroline=False, fixedrange=True
    )
    return figure


def _ink(value: float, signed: bool) -> str:
    """A text colour that can be read on the marker: the signed scale's middle and cividis' top are pale."""
    pale = abs(value) < 0.6 if signed else value > 0.5
    return "#1F2933" if pale else "#FFFFFF"


def clicked_head(event: Mapping[str, Any] | None, sizes: Geometry) -> str | None:
    """The head that a click on the grid chose; None for a click that took the choice back, or anything else."""
    points = ((event or {}).get("selection") or {}).get("points") or []
    for point in points:
        data = point.get("customdata") or []
        name = data[0] if isinstance(data, list | tuple) and data else data
        try:
            return str(sizes.check(Head.parse(str(name))))
        except UserError:
            continue
    return None


def clicked_step(event: Mapping[str, Any] | None, steps: Sequence[int]) -> int | None:
    """The checkpoint nearest to the step of a clicked point; None as in `clicked_head`."""
    points = ((event or {}).get("selection") or {}).get("points") or []
    for point in points:
        data = point.get("customdata")
        try:
            asked = float(data[0] if isinstance(data, list | tuple) and data else data)
        except (TypeError, ValueError):
            continue
        if np.isfinite(asked) and asked >= 0:
            return min(steps, key=lambda step: abs(step - asked))
    return None


def history_figure(
    heads: pd.DataFrame,
    models: pd.DataFrame,
    score: str,
    selected: Head,
    step: int,
    born: Sequence[Head] = (),
) -> go.Figure:
    """The history of one score of all heads, the selected one in front, over the model's own scores.

    heads: columns step, layer, head and the score; models: step and MODEL_PANELS. born: heads to colour and label
    beside the selected one. The rule marks `step`. A clicked point carries its step.
    """
    present = [key for key in MODEL_PANELS if key in models and models[key].notna().any()]
    panels = Panels(
        [f"{name_of(score)} of every head", *[MODEL_PANELS[key] for key in present]],
        [230, *[78] * len(present)],
        StepAxis.of(heads["step"].to_numpy(np.int64)),
        clickable=True,
    )
    front = in_front([selected, *born])
    add_heads(panels, 1, heads, score, [*front[1:], selected], selected)
    for row, key in enumerate(present, start=2):
        known = models[models[key].notna()]
        panels.line(row, known["step"].to_numpy(np.int64), known[key].to_numpy(np.float64), "", GREY)
    panels.rule(step, f"step {step:,}")
    return panels.finish()


def in_front(heads: Sequence[Head]) -> list[Head]:
    """The first of `heads` that can be told apart in one panel: no two of one colour, no more than it holds."""
    found: dict[str, Head] = {}
    for head in heads:
        found.setdefault(head_colour(head), head)
    return list(found.values())[:MOST_IN_FRONT]


def add_heads(
    panels: Panels, row: int, heads: pd.DataFrame, score: str, front: Sequence[Head], widest: Head | None = None
) -> None:
    """One score of all heads in a panel: all grey but those in front, which have their colour and a label.

    widest: the head among those in front that stands out from them, if one does.
    """
    curves = head_curves(heads, score)
    others = [(str(head), *curve) for head, curve in curves.items() if head not in front]
    panels.crowd(row, others, name_of(score))
    for head in front:
        if head in curves:
            width = 2.5 if widest is None else 3.5 if head == widest else 1.5
            panels.line(row, *curves[head], name=str(head), colour=head_colour(head), width=width)
    panels.fix(row, *((-1.05, 1.05) if score == "copying" else (-0.03, 1.03)))
