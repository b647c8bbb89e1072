"""Charts of one training row: its influence through every head, and what it did through training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from mda.heads.geometry import Head
from mda.ui.charts.colours import CATEGORIES, GREY, GRID, RULE, head_colour
from mda.ui.charts.influence import MOST_HEADS
from mda.ui.charts.panels import Panels, StepAxis
from mda.ui.words.plain import rounded

_LABELLED = 16  # bars that have room for their number
_LOSSES = (
    ("all", "all tokens", GREY),
    ("copied", "copying predicts", CATEGORIES[2]),
    ("other", "the others", CATEGORIES[3]),
)


def strongest(scores: Mapping[Head, float], selected: Head) -> dict[Head, float]:
    """Of very many heads those with the largest |score|, and the selected one, in their order."""
    most = sorted(scores, key=lambda head: (head != selected, -abs(scores[head])))[:MOST_HEADS]
    return {head: score for head, score in scores.items() if head in most}


def heads_figure(scores: Mapping[Head, float], selected: Head) -> go.Figure:
    """A row's influence through each head's parameters as signed bars; the selected head has a frame."""
    names, values = [str(head) for head in scores], list(scores.values())
    labelled = len(names) <= _LABELLED
    figure = go.Figure(
        go.Bar(
            x=names,
            y=values,
            marker={
                "color": [head_colour(head) for head in scores],
                "line": {"color": RULE, "width": [2.5 if head == selected else 0 for head in scores]},
            },
            text=[rounded(value) for value in values] if labelled else None,
            textposition="outside",
            cliponaxis=False,
            hovertemplate="through %{x}: %{y:+.3g}<extra></extra>",
        )
    )
    figure.add_hline(y=0, line={"color": RULE, "width": 1})
    figure.update_layout(
        height=230, margin={"l": 50, "r": 10, "t": 16, "b": 44}, showlegend=False, bargap=0.35, uirevision="heads"
    )
    figure.update_xaxes(title_text="head whose parameters carry it", showgrid=False, type="category")
    figure.update_yaxes(
        title_text="influence", gridcolor=GRID, zeroline=False, nticks=5, range=_with_zero(values)
    )  # fmt: skip
    return figure


@dataclass(frozen=True)
class StepScores:
    """A row's scores in one attribution at its checkpoints: name, steps and values; `front` for the chosen one."""

    name: str
    steps: Sequence[int]
    values: Sequence[float]
    front: bool


@dataclass(frozen=True)
class Losses:
    """A row's mean losses at checkpoints: steps, and values by name (`all`, `copied`, `other`); NaN where none."""

    steps: Sequence[int]
    means: Mapping[str, Sequence[float]]


def training_figure(
    curve: tuple[np.ndarray, np.ndarray] | None,
    what: str,
    head: Head,
    scores: Sequence[StepScores],
    losses: Losses | None,
    trained_at: int | None,
    step: int,
    steps: Sequence[int],
) -> go.Figure:
    """Panels over training steps: the head's own curve (`what` it shows), the row's scores, the row's loss.

    curve: steps and values of the head's score. trained_at: the step at which the row is trained on, marked with a
    rule, as is the selected `step`. steps: all checkpoints, which fix the axis. A panel without data is left out.
    """
    shown = [
        (f"{what} of {head}", 130, curve is not None),
        (f"influence of this row on {head}, by the checkpoint it is measured at", 150, bool(scores)),
        ("loss of this row (nats per token)", 190, losses is not None),
    ]
    panels = Panels(
        [title for title, _, there in shown if there],
        [height for _, height, there in shown if there],
        StepAxis.of(steps),
    )
    row = 0
    if curve is not None:
        row += 1
        panels.line(row, *curve, str(head), head_colour(head))
    if scores:
        row += 1
        panels.figure.add_hline(y=0, line={"color": RULE, "width": 1}, row=row, col=1)
        panels.fix(row, *_with_zero([value for one in scores for value in one.values]))
        for one in sorted(scores, key=lambda one: one.front):
            _points(panels, row, one, head_colour(head) if one.front else GREY)
    if losses is not None:
        row += 1
        for name, label, colour in _LOSSES:
            values = np.asarray(losses.means[name], dtype=np.float64)
            if np.isfinite(values).any():
                panels.line(row, np.asarray(losses.steps), values, label, colour)
    if trained_at is not None:
        panels.rule(trained_at, "trained on here")
    panels.rule(step)
    return panels.finish((min(steps), max(steps)))


def _with_zero(values: Sequence[float]) -> tuple[float, float]:
    """A range that holds the values and zero, with room for labels beyond them."""
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.18 * (high - low) or 1.0
    return low - room * (low < 0), high + room * (high > 0 or low == 0)


def _points(panels: Panels, row: int, one: StepScores, colour: str) -> None:
    steps, values = np.asarray(one.steps), np.asarray(one.values, dtype=np.float64)
    panels.line(row, steps, values, one.name, colour, dash="solid" if one.front else "dot")
    panels.figure.data[-1].update(mode="lines+markers", marker={"size": 8})
