"""Charts of head scores: the grid of all heads at a step, their history, and the story of a study."""

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
from mda.ui.frame.words import name_of

MOST_IN_FRONT = 6  # coloured lines that one panel can hold and be read

MODEL_PANELS = {
    "induction_loss": "induction loss (nats per token)",
    "icl": "in-context learning (nats, lower: more)",
    "validation_loss": "validation loss (nats per token)",
}


def head_curves(frame: pd.DataFrame, score: str) -> dict[Head, tuple[np.ndarray, np.ndarray]]:
    """Steps and values of every head's score, from a table with columns step, layer, head and the score."""
    known = frame[frame[score].notna()].sort_values("step")
    curves = {}
    for place, history in known.groupby(["layer", "head"]):
        layer, index = np.array(place).tolist()
        curves[Head(int(layer), int(index))] = (
            history["step"].to_numpy(np.int64),
            history[score].to_numpy(np.float64),
        )
    return curves


def grid_figure(frame: pd.DataFrame, score: str, selected: Head | None) -> go.Figure:
    """All heads of one step, layer by head, coloured by a score; a click carries the head's name.

    frame: one line a head, columns layer, head and the score. Markers and not a heatmap: heatmaps cannot be
    clicked in Streamlit.
    """
    layers, heads = int(frame["layer"].max()) + 1, int(frame["head"].max()) + 1
    signed = score == "copying"
    size = int(min(46, 300 / max(heads, layers / 1.5)))
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
        height=int(min(620, 110 + layers * (size + 14))),
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


def history_figure(
    heads: pd.DataFrame, models: pd.DataFrame, score: str, selected: Head | None, step: int | None
) -> go.Figure:
    """The history of one score of all heads, the selected one in front, over the model's own scores.

    heads: columns step, layer, head and the score; models: step and MODEL_PANELS. The rule marks `step`.
    """
    present = [key for key in MODEL_PANELS if key in models and models[key].notna().any()]
    panels = Panels(
        [f"{name_of(score)} of every head", *[MODEL_PANELS[key] for key in present]],
        [230, *[90] * len(present)],
        StepAxis.of(heads["step"].to_numpy(np.int64)),
    )
    _add_heads(panels, 1, heads, score, [] if selected is None else [selected])
    for row, key in enumerate(present, start=2):
        known = models[models[key].notna()]
        panels.line(row, known["step"].to_numpy(np.int64), known[key].to_numpy(np.float64), "", GREY)
    if step is not None:
        panels.rule(step, f"step {step:,}")
    return panels.finish()


def story_figure(
    heads: pd.DataFrame, models: pd.DataFrame, front: Mapping[str, Sequence[Head]], until: int | None = None
) -> go.Figure:
    """How heads were born: prefix matching and previous token of every head over the losses.

    front: the heads to colour, by score. until: the last step to come, so that the axis does not grow while a
    job runs.
    """
    steps = heads["step"].to_numpy(np.int64)
    panels = Panels(
        [
            "prefix matching of every head: induction heads rise",
            "previous token of every head",
            "loss (nats per token)",
        ],
        [150, 150, 120],
        StepAxis.of(steps),
    )
    for row, score in enumerate(("prefix_matching", "previous_token"), start=1):
        _add_heads(panels, row, heads, score, list(front.get(score, []))[:MOST_IN_FRONT])
    # greys: colours belong to heads
    shown = (("induction_loss", "induction", "solid"), ("validation_loss", "validation", "dash"))
    for key, name, dash in (*shown, ("loss", "training", "dot")):
        if key in models and models[key].notna().any():
            known = models[models[key].notna()]
            steps, values = known["step"].to_numpy(np.int64), known[key].to_numpy(np.float64)
            panels.line(3, steps, values, name, GREY, dash)
    return panels.finish(None if until is None else (0, until))


def _add_heads(panels: Panels, row: int, heads: pd.DataFrame, score: str, front: Sequence[Head]) -> None:
    """All heads grey, those in front coloured and labelled."""
    curves = head_curves(heads, score)
    others = [(str(head), *curve) for head, curve in curves.items() if head not in front]
    panels.crowd(row, others, name_of(score))
    for head in front:
        if head in curves:
            panels.line(row, *curves[head], name=str(head), colour=head_colour(head))
    panels.fix(row, *((-1.05, 1.05) if score == "copying" else (-0.03, 1.03)))
