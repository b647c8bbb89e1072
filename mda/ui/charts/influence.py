"""Charts of an attribution: its scores, what its ends are made of, when and through which heads it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mda.heads.geometry import Head
from mda.ui.charts.colours import GREY, GRID, PROMOTES, RULE, SUPPRESSES, head_colour, translucent

BINS = 81
MOST_HEADS = 24  # bars that can be read side by side

_ROW_PIXELS = 21  # of one group in a panel of dots
_TITLE_PIXELS, _PANEL_TOP, _PANEL_BOTTOM = 14, 12, 10


def histogram_figure(scores: np.ndarray, low_cut: float, high_cut: float) -> go.Figure:
    """Histogram of scores [n] on a log scale of rows; bins at or beyond the cuts are coloured.

    low_cut and high_cut: the highest score of the bottom and the lowest of the top.
    """
    counts, edges = np.histogram(scores, bins=BINS)
    width = edges[1] - edges[0]
    colours = np.where(edges[1:] >= high_cut, PROMOTES, np.where(edges[:-1] <= low_cut, SUPPRESSES, GREY))
    figure = go.Figure(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts,
            width=width,
            marker={"color": colours, "line": {"width": 0}},
            customdata=np.stack([edges[:-1], edges[1:]], axis=1),
            hovertemplate="%{y:,} rows score %{customdata[0]:.2g} to %{customdata[1]:.2g}<extra></extra>",
        )
    )
    for cut, colour, side in ((low_cut, SUPPRESSES, "right"), (high_cut, PROMOTES, "left")):
        figure.add_vline(x=cut, line={"color": colour, "width": 1.5, "dash": "dot"})
        figure.add_annotation(
            x=cut, y=1, yref="paper", text=f"{cut:+.2g}", showarrow=False, font_size=11, yanchor="top",
            xanchor=side, xshift=3 if side == "left" else -3,
        )  # fmt: skip
    figure.update_layout(
        height=180, margin={"l": 50, "r": 10, "t": 10, "b": 40}, showlegend=False,
        bargap=0, uirevision="scores",
    )  # fmt: skip
    figure.update_xaxes(
        title_text="score of a row (positive: promotes)", title_standoff=4, zeroline=False, showgrid=False
    )
    figure.update_yaxes(title_text="rows (log)", type="log", gridcolor=GRID, dtick=1)
    return figure


@dataclass(frozen=True)
class Dots:
    """One panel of dots: a title, lines with columns group, value, low, high, rows, and how values are written.

    highest: the largest value of panels that are drawn to one scale from 0; None for a scale of its own.
    """

    title: str
    lines: pd.DataFrame
    form: Callable[[float], str]
    highest: float | None = None

    @property
    def name(self) -> str:
        """The title in one line."""
        return self.title.replace("<br>", " ")


def dots_figure(panels: Sequence[Dots], groups: Mapping[str, tuple[str, str]], across: int) -> go.Figure:
    """Means with their intervals, one line a group, in panels side by side, `across` in a row.

    groups: name and colour by group, from the top.
    """
    down = -(-len(panels) // across)
    top = _PANEL_TOP + _TITLE_PIXELS * max(panel.title.count("<br>") + 1 for panel in panels)
    inner = down * len(groups) * _ROW_PIXELS + (down - 1) * top
    figure = make_subplots(
        rows=down,
        cols=across,
        shared_yaxes=True,
        horizontal_spacing=0.018,
        vertical_spacing=top / inner if down > 1 else 0,
        subplot_titles=[panel.title for panel in panels],
    )
    figure.update_annotations(font_size=12)
    for number, panel in enumerate(panels):
        _dots(figure, panel, groups, number // across + 1, number % across + 1)
    figure.update_layout(
        height=inner + top + _PANEL_BOTTOM, margin={"l": 10, "r": 10, "t": top, "b": _PANEL_BOTTOM},
        showlegend=False, uirevision="dots",
    )  # fmt: skip
    figure.update_yaxes(
        type="category", categoryorder="array", categoryarray=[name for name, _ in groups.values()][::-1],
        range=[-0.6, len(groups) - 0.4], showgrid=True, gridcolor=GRID, zeroline=False, automargin=True,
        tickfont_size=12,
    )  # fmt: skip
    return figure


def _dots(figure: go.Figure, panel: Dots, groups: Mapping[str, tuple[str, str]], row: int, column: int) -> None:
    lines = panel.lines.set_index("group").loc[list(groups)]
    value, low, high = (lines[name].to_numpy(np.float64) for name in ("value", "low", "high"))
    low, high = np.where(np.isfinite(low), low, value), np.where(np.isfinite(high), high, value)
    told = [panel.form(one) for one in value]
    between = [f"{panel.form(a)} to {panel.form(b)}" for a, b in zip(low, high, strict=True)]
    figure.add_scatter(
        x=value,
        y=[groups[group][0] for group in lines.index],
        mode="markers",
        marker={"size": 8, "color": [groups[group][1] for group in lines.index]},
        error_x={
            "type": "data", "symmetric": False, "array": high - value, "arrayminus": value - low,
            "color": RULE, "thickness": 1.5, "width": 3,
        },
        customdata=np.stack([told, between, [f"{rows:,}" for rows in lines["rows"]]], axis=1),
        hovertemplate=(
            f"%{{y}}: {panel.name} %{{customdata[0]}} (%{{customdata[1]}}), %{{customdata[2]}} rows"
            "<extra></extra>"
        ),
        row=row,
        col=column,
    )  # fmt: skip
    first, last = (float(low.min()), float(high.max())) if panel.highest is None else (0.0, panel.highest)
    room = (last - first) or abs(last) or 1.0
    figure.add_scatter(
        x=high, y=[groups[group][0] for group in lines.index], mode="text", text=[f"\u2002{one}" for one in told],
        textposition="middle right", textfont_size=11, hoverinfo="skip", cliponaxis=False, row=row, col=column,
    )  # fmt: skip
    figure.update_xaxes(
        range=[first - 0.12 * room, last + 0.6 * room], showticklabels=False, showgrid=False, zeroline=False,
        row=row, col=column,
    )  # fmt: skip


def steps_figure(
    table: pd.DataFrame,
    curve: tuple[np.ndarray, np.ndarray] | None,
    head: Head,
    what: str,
    step: int,
    measured_at: Sequence[int],
) -> go.Figure:
    """Influence of each stretch of training: what promotes and what suppresses, over the mean of a row.

    table: as `evidence.influence_by_step` gives it. curve: steps and values of the head's own score (`what`),
    drawn thin on an axis of its own, with a mark at the checkpoints of the attribution. The rule marks `step`.
    Steps are on a linear axis, as stretches are equally long.
    """
    figure = make_subplots(
        rows=2, shared_xaxes=True, vertical_spacing=0.14, row_heights=[0.6, 0.4],
        specs=[[{"secondary_y": True}], [{}]],
        subplot_titles=["influence of all rows of a stretch", "mean influence of a row"],
    )  # fmt: skip
    figure.update_annotations(x=0, xanchor="left", font_size=12)
    first, last = table["first"].to_numpy(np.float64), table["last"].to_numpy(np.float64)
    middle, width = (first + last + 1) / 2, last + 1 - first
    told = np.stack([table["first"], table["last"], table["rows"]], axis=1)
    stretch = "steps %{customdata[0]:,} to %{customdata[1]:,}, %{customdata[2]:,} rows"
    for name, colour, word in (("positive", PROMOTES, "promote"), ("negative", SUPPRESSES, "suppress")):
        figure.add_bar(
            x=middle, y=table[name], width=width, marker={"color": colour, "opacity": 0.4, "line": {"width": 0}},
            customdata=told, row=1, col=1,
            hovertemplate=f"{stretch}: those that {word} add up to %{{y:+.3g}}<extra></extra>",
        )  # fmt: skip
    _mean_line(figure, table, middle, told, stretch)
    margin = 0.04 * (last[-1] + 1 - first[0])
    left, right = float(first[0] - margin), float(last[-1] + 1 + margin)
    if curve is not None:
        _head_curve(figure, curve, head, what, measured_at)
    if left <= step <= right:
        figure.add_vline(x=step, line={"color": RULE, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=step, y=1, yref="y domain", text=f"step {step:,}", showarrow=False, font_size=11, yanchor="top",
            xanchor="left", xshift=3,
        )  # fmt: skip
    figure.update_layout(
        height=260, margin={"l": 56, "r": 56, "t": 24, "b": 40}, showlegend=False, barmode="relative", bargap=0,
        uirevision="by-step",
    )  # fmt: skip
    figure.update_xaxes(range=[left, right], showgrid=False, zeroline=False, tickformat=",d")
    figure.update_xaxes(title_text="training step of the rows", title_standoff=4, row=2, col=1)
    figure.update_yaxes(gridcolor=GRID, zeroline=True, zerolinecolor=RULE, zerolinewidth=1, nticks=5)
    figure.update_yaxes(
        title_text=f"{what}<br>of {head}", range=[0, 1], tickvals=[0, 0.5, 1], showgrid=False, zeroline=False,
        title_font_size=11, row=1, col=1, secondary_y=True,
    )  # fmt: skip
    return figure


def _mean_line(figure: go.Figure, table: pd.DataFrame, x: np.ndarray, told: np.ndarray, stretch: str) -> None:
    low, high = (table[name].fillna(table["mean"]).to_numpy() for name in ("low", "high"))
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself", mode="lines",
        fillcolor=translucent(GREY, 0.25), line={"width": 0}, hoverinfo="skip", row=2, col=1,
    )  # fmt: skip
    between = "(%{customdata[3]:.3g} to %{customdata[4]:.3g})"
    figure.add_scatter(
        x=x, y=table["mean"], mode="lines+markers", line={"color": GREY, "width": 1.5}, marker={"size": 4},
        customdata=np.concatenate([told, np.stack([low, high], axis=1)], axis=1),
        hovertemplate=f"{stretch}: mean %{{y:+.3g}} {between}<extra></extra>",
        row=2, col=1,
    )  # fmt: skip


def _head_curve(
    figure: go.Figure, curve: tuple[np.ndarray, np.ndarray], head: Head, what: str, measured_at: Sequence[int]
) -> None:
    steps, values = curve
    colour = head_colour(head)
    figure.add_scatter(
        x=steps, y=values, mode="lines", line={"color": colour, "width": 2},
        hovertemplate=f"{what} of {head} at step %{{x:,}}: %{{y:.3f}}<extra></extra>",
        row=1, col=1, secondary_y=True,
    )  # fmt: skip
    there = np.isin(steps, list(measured_at))
    figure.add_scatter(
        x=steps[there], y=values[there], mode="markers", marker={"color": colour, "size": 9, "symbol": "diamond"},
        hovertemplate=f"influence is measured at checkpoint %{{x:,}}; {what} of {head}: %{{y:.3f}}<extra></extra>",
        row=1, col=1, secondary_y=True,
    )  # fmt: skip


def through_figure(table: pd.DataFrame, ends: Mapping[str, str]) -> go.Figure:
    """Sums of scores through each head's parameters, one panel an end; a bar's label is its share of the total.

    table: columns head (`L1H3`) and one an end; ends: titles by column. Beyond MOST_HEADS heads only those with
    the largest sums are drawn.
    """
    if len(table) > MOST_HEADS:
        weight = table[list(ends)].abs().sum(axis=1)
        table = table.loc[np.sort(weight.nlargest(MOST_HEADS).index)]
    figure = make_subplots(cols=len(ends), horizontal_spacing=0.07, subplot_titles=list(ends.values()))
    figure.update_annotations(font_size=12)
    for number, column in enumerate(ends, start=1):
        sums = table[column].to_numpy(np.float64)
        total = float(sums.sum())
        shares = [f"{abs(100 * one / total):.0f} %" if total else "" for one in sums]
        figure.add_bar(
            x=table["head"], y=sums, text=shares, textposition="outside", textfont_size=11, constraintext="none",
            cliponaxis=False, marker={"color": [head_colour(Head.parse(name)) for name in table["head"]]},
            hovertemplate="through %{x}: %{y:+.3g}, %{text} of all<extra></extra>", row=1, col=number,
        )  # fmt: skip
        low, high = min(0.0, *sums), max(0.0, *sums)
        room = 0.16 * (high - low) or 1.0
        figure.update_yaxes(
            range=[low - room * (low < 0), high + room * (1 if high > 0 else 0.2)], row=1, col=number
        )
    figure.update_layout(
        height=240,
        margin={"l": 50, "r": 10, "t": 26, "b": 44},
        showlegend=False,
        bargap=0.35,
        uirevision="through",
    )
    figure.update_xaxes(
        title_text="head whose parameters carry it", title_standoff=4, type="category", showgrid=False
    )
    figure.update_yaxes(gridcolor=GRID, zeroline=True, zerolinecolor=RULE, zerolinewidth=1, nticks=5)
    figure.update_yaxes(title_text="sum of scores", row=1, col=1)
    return figure
