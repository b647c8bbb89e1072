"""Curves of retrains: every arm's mean over its replicates, in a band from the lowest to the highest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mda.studies.retrains import BASELINE
from mda.ui.charts.colours import GRID, arm_colours, translucent
from mda.ui.charts.panels import Panels, StepAxis
from mda.ui.words.plain import name_of

ONE_PANEL = 6  # arms beside the baseline that one panel can hold and be read
_SHADED = "shaded: rows changed"
_SHADE = "rgba(138, 147, 155, 0.12)"


@dataclass(frozen=True)
class CurvesPanel:
    """Curves of arms in one panel: columns arm, replicate, step, value; names and colours by arm."""

    title: str
    curves: pd.DataFrame
    names: Mapping[str, str]
    colours: Mapping[str, str]
    limits: tuple[float, float] | None = None


def arms_figure(
    curves: pd.DataFrame, head: str, score: str, window: tuple[int, int] | None = None, until: int | None = None
) -> go.Figure:
    """A head's score in every arm, while arms are trained; more than ONE_PANEL of them in a panel for each action
    and fraction.

    curves: columns arm (`remove top 10 %`), replicate, step, head (`L1H3`) and the score. window: steps in which
    rows are changed. until: the last step to come, so that the axis does not grow while a job runs.
    """
    chosen = curves[(curves["head"] == head) & curves[score].notna()]
    chosen = chosen[["arm", "replicate", "step", score]].rename(columns={score: "value"})
    labels = [label for label in dict.fromkeys(chosen["arm"]) if label != BASELINE]
    title = f"{name_of(score)} of {head}"
    groups = {title: labels}
    if len(labels) > ONE_PANEL:
        sizes = sorted({_size(label) for label in labels}, key=lambda size: (size[0], float(size[1] or 0)))
        groups = {
            f"{title}: {action} {f'{percent} %' if percent else 'rows'}": [
                label for label in labels if _size(label) == (action, percent)
            ]
            for action, percent in sizes
        }
    limits = (0.0, 1.08 * max(0.1, float(chosen["value"].max()) if len(chosen) else 0.0))
    panels = []
    for title, group in groups.items():
        shown = [label for label in dict.fromkeys(chosen["arm"]) if label == BASELINE or label in group]
        mine = chosen[chosen["arm"].isin(shown)]
        panels.append(CurvesPanel(title, mine, {label: label for label in shown}, arm_colours(shown), limits))
    return curves_figure(panels, window, until=until)


def curves_figure(
    shown: Sequence[CurvesPanel],
    window: tuple[int, int] | None = None,
    step: int | None = None,
    until: int | None = None,
) -> go.Figure:
    """Panels one below the other: in each the mean of every arm over its replicates, in a band from the lowest to
    the highest.

    Replicates that have not come as far as others are thin lines of their own, so that no mean jumps where they
    end. window: the steps in which rows were changed, shaded. step: marked by a rule where it lies inside. until:
    the last step to leave room for.
    """
    heights = {1: 300, 2: 220}.get(len(shown), 170)
    panels = Panels([panel.title for panel in shown], [heights] * len(shown), StepAxis(log=False, first=1))
    steps = [0, 0] if window is None or until is None else [window[0], until]
    for row, panel in enumerate(shown, start=1):
        for arm, colour in panel.colours.items():
            _arm(panels, row, panel.curves[panel.curves["arm"] == arm], panel.names[arm], colour)
        if panel.limits is not None:
            panels.fix(row, *panel.limits)
        if len(panel.curves):
            steps = [int(panel.curves["step"].min()), max(steps[1], int(panel.curves["step"].max()))]
    if step is not None and steps[0] <= step <= steps[1]:
        panels.rule(step, f"step {step:,}")
    figure = panels.finish(None if window is None or until is None else (window[0], until))
    if window is not None:
        axes = ["", *[str(row) for row in range(2, len(shown) + 1)]]
        shades = [_shade(window, f"x{number}", f"y{number} domain") for number in axes]
        figure.update_layout(shapes=[*figure.layout.shapes, *shades])
        figure.update_xaxes(title_text=f"training step ({_SHADED})", row=len(shown), col=1)
    return figure


def heads_figure(
    curves: pd.DataFrame,
    heads: Sequence[str],
    score: str,
    names: Mapping[str, str],
    colours: Mapping[str, str],
    window: tuple[int, int],
) -> go.Figure:
    """Every head's score in every arm: small panels in a grid, one a head, all with one axis of the score.

    curves: columns arm, replicate, step, head and the score; names and colours by arm. Means over replicates in
    their bands, as `curves_figure` draws them.
    """
    across = min(4, len(heads))
    down = -(-len(heads) // across)
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": [], "shapes": []}
    chosen = curves[curves["head"].isin(list(heads)) & curves[score].notna()]
    top = 1.08 * max(0.1, float(chosen[score].max()) if len(chosen) else 0.0)
    height = 130
    whole = down * height + (down - 1) * 34
    groups = dict(tuple(chosen.groupby(["head", "arm"], sort=False)))
    for place, head in enumerate(heads):
        column, row, number = place % across, place // across, str(place + 1) if place else ""
        left, right = (column + 0.06) / across, (column + 1) / across
        high = 1 - row * (height + 34) / whole
        layout[f"xaxis{number}"] = {
            "domain": [left, right], "anchor": f"y{number}", "showgrid": False, "zeroline": False,
            "tickvals": list(window), "tickformat": ",d", "matches": "x",
            "showticklabels": row == down - 1 or place + across >= len(heads),
        }  # fmt: skip
        layout[f"yaxis{number}"] = {
            "domain": [high - height / whole, high], "anchor": f"x{number}", "range": [0, top], "nticks": 4,
            "gridcolor": GRID, "zeroline": False, "showticklabels": column == 0,
        }  # fmt: skip
        layout["annotations"].append(
            {"text": head, "x": left, "y": high, "xref": "paper", "yref": "paper", "xanchor": "left",
             "yanchor": "bottom", "showarrow": False, "font": {"size": 12}}
        )  # fmt: skip
        layout["shapes"].append(_shade(window, f"x{number}", f"y{number} domain"))
        for arm, colour in colours.items():
            if (head, arm) in groups:
                mine = groups[(head, arm)].rename(columns={score: "value"})
                axes = {"xaxis": f"x{number}", "yaxis": f"y{number}", "legendgroup": arm}
                traces += _small(mine, names[arm], colour, axes, showlegend=place == 0)
    layout |= {
        "height": whole + 90,
        "margin": {"l": 36, "r": 10, "t": 56, "b": 30},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
        "hovermode": "closest",
    }
    return go.Figure(data=traces, layout=layout)


def _size(label: str) -> tuple[str, str]:
    """Action and percentage of a label such as `remove top 10 %`; no percentage where rows were named."""
    action, *others = label.split()
    return action, others[1] if len(others) == 3 else ""


def _arm(panels: Panels, row: int, mine: pd.DataFrame, name: str, colour: str) -> None:
    """Mean and band of the replicates that came as far as any, and a thin line for each other."""
    for run, steps, values in _behind(mine):
        panels.figure.add_scatter(
            x=steps, y=values, mode="lines", line={"color": colour, "width": 1, "dash": "dot"}, row=row, col=1,
            hovertemplate=f"{name}, replicate {run}, at step %{{x:,}}: %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    steps, mean, band = _mean(mine)
    if len(steps):
        panels.line(row, steps, mean, name, colour, band=band)


def _small(
    mine: pd.DataFrame, name: str, colour: str, axes: dict[str, str], showlegend: bool
) -> list[dict[str, Any]]:
    steps, mean, band = _mean(mine)
    traces: list[dict[str, Any]] = []
    if band is not None:
        traces.append(
            {"type": "scatter", "x": [*steps, *steps[::-1]], "y": [*band[1], *band[0][::-1]], "fill": "toself",
             "fillcolor": translucent(colour, 0.18), "line": {"width": 0}, "mode": "lines", "hoverinfo": "skip",
             "showlegend": False, **axes}
        )  # fmt: skip
    traces.append(
        {"type": "scatter", "x": steps, "y": mean, "mode": "lines", "line": {"color": colour, "width": 2},
         "name": name, "showlegend": showlegend,
         "hovertemplate": f"{name} at step %{{x:,}}: %{{y:.3f}}<extra></extra>", **axes}
    )  # fmt: skip
    return traces


def _mean(mine: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """Steps, mean and, of several replicates, lowest and highest; of those that came as far as any."""
    ahead = mine[~mine["replicate"].isin([run for run, _, _ in _behind(mine)])]
    by_step = ahead.groupby("step")["value"]
    several = ahead["replicate"].nunique() > 1
    band = (by_step.min().to_numpy(), by_step.max().to_numpy()) if several else None
    mean = by_step.mean()
    return mean.index.to_numpy(np.int64), mean.to_numpy(np.float64), band


def _behind(mine: pd.DataFrame) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Replicates that have not come as far as others: number, steps, values."""
    last = mine.groupby("replicate")["step"].max()
    late = [int(run) for run in last.index[last < last.max()]] if len(last) else []
    runs = [(run, mine[mine["replicate"] == run].sort_values("step")) for run in late]
    return [(run, each["step"].to_numpy(np.int64), each["value"].to_numpy(np.float64)) for run, each in runs]


def _shade(window: tuple[int, int], x: str, y: str) -> dict[str, Any]:
    return {
        "type": "rect", "x0": window[0], "x1": window[1], "xref": x, "y0": 0, "y1": 1, "yref": y,
        "fillcolor": _SHADE, "line": {"width": 0}, "layer": "below",
    }  # fmt: skip
