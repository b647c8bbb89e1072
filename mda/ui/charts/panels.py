"""Charts over training steps: panels one below the other that share the axis of steps, labelled directly.

Pure functions from tables to figures. Streamlit's own template gives text and background of the theme, so no
colour here is one of those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mda.ui.charts.colours import FAINT, GRID, RULE, translucent

_LABEL_PIXELS = 15  # a direct label's height
_LETTER_PIXELS = 6.5
_TOP, _BOTTOM, _GAP = 26, 44, 40
_UNSEEN = {"marker": {"opacity": 0}}
_MOST_POINTS = 6000  # of a crowd that can be hovered and clicked: each is an element of the page


@dataclass(frozen=True)
class StepAxis:
    """Where steps lie: linear, or logarithmic where checkpoints are log-spaced.

    On a log axis step 0 is drawn at half of the first later step, and its tick says 0.
    """

    log: bool
    first: int  # the first step after 0

    @staticmethod
    def of(steps: Sequence[int] | np.ndarray) -> StepAxis:
        """The axis for these steps: log where the widest gap is 20 times the narrowest or more."""
        known = np.unique(np.asarray(steps, dtype=np.int64))
        later = known[known > 0]
        gaps = np.diff(known)
        log = len(later) > 3 and bool(gaps.max() >= 20 * gaps.min())
        return StepAxis(log, int(later[0]) if len(later) else 1)

    def x(self, steps: Sequence[int] | np.ndarray) -> np.ndarray:
        """Places of steps on the axis."""
        places = np.asarray(steps, dtype=np.float64)
        return np.where(places <= 0, self.first / 2, places) if self.log else places

    def layout(self) -> dict[str, object]:
        """Plotly's settings of the axis."""
        if not self.log:
            return {"tickformat": ",d"}
        powers = [10**n for n in range(8) if 10**n >= self.first]
        return {
            "type": "log",
            "tickvals": [self.first / 2, *powers],
            "ticktext": ["0", *[f"{power:,}" for power in powers]],
        }


@dataclass
class Panels:
    """Charts one below the other over one axis of steps. `heights` are pixels of the plots themselves.

    clickable: whether points can be chosen by a click, which then carries their step as customdata.
    """

    titles: list[str]
    heights: list[int]
    axis: StepAxis
    clickable: bool = False
    figure: go.Figure = field(init=False)
    _ends: dict[int, list[tuple[str, str, float]]] = field(init=False, default_factory=dict)
    _values: dict[int, list[np.ndarray]] = field(init=False, default_factory=dict)
    _x: list[np.ndarray] = field(init=False, default_factory=list)
    _rules: list[tuple[float, str]] = field(init=False, default_factory=list)
    _fixed: dict[int, tuple[float, float]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        rows = len(self.titles)
        inner = sum(self.heights) + _GAP * (rows - 1)
        self.figure = make_subplots(
            rows=rows,
            shared_xaxes=True,
            row_heights=[float(height) for height in self.heights],
            vertical_spacing=_GAP / inner if rows > 1 else 0,
        )
        layout: dict[str, Any] = {
            "height": inner + _TOP + _BOTTOM,
            "margin": {"l": 50, "r": 20, "t": _TOP, "b": _BOTTOM},
            "showlegend": False,
            "hovermode": "closest",
            "uirevision": "steps",  # keeps a zoom while new points arrive
        }
        if self.clickable:
            layout |= {"clickmode": "event+select", "dragmode": False, "hoverdistance": 40}
        for row in range(1, rows + 1):
            layout[f"xaxis{_number(row)}"] = {"showgrid": False, "zeroline": False, **self.axis.layout()}
            layout[f"yaxis{_number(row)}"] = {"gridcolor": GRID, "zeroline": False, "nticks": 5}
        layout[f"xaxis{_number(rows)}"]["title"] = {"text": "training step", "standoff": 6}
        self.figure.update_layout(layout)

    def fix(self, row: int, low: float, high: float) -> None:
        """Fix the range of a panel."""
        self._fixed[row] = (low, high)

    def line(
        self,
        row: int,
        steps: np.ndarray,
        values: np.ndarray,
        name: str,
        colour: str,
        dash: str = "solid",
        band: tuple[np.ndarray, np.ndarray] | None = None,
        width: float = 2.5,
    ) -> None:
        """One named line with its label at its end; `band` (lowest, highest) is drawn behind it."""
        x, values = self.axis.x(steps), np.asarray(values, dtype=np.float64)
        self._values.setdefault(row, []).append(values)
        if band is not None:
            self._band(row, x, *band, colour)
        self.figure.add_scatter(
            x=x,
            y=values,
            mode="lines+markers" if len(x) < 3 else "lines",
            line={"color": colour, "width": width, "dash": dash},
            customdata=np.asarray(steps),
            hovertemplate=f"{name or 'value'} at step %{{customdata:,}}: %{{y:.3f}}<extra></extra>",
            row=row,
            col=1,
        )
        if self.clickable and len(x) >= 3:
            self._catch_clicks()
        self._x.append(x)
        finite = values[np.isfinite(values)]
        if name and len(finite):
            self._ends.setdefault(row, []).append((name, colour, float(finite[-1])))

    def crowd(self, row: int, curves: Sequence[tuple[str, np.ndarray, np.ndarray]], what: str) -> None:
        """Many thin grey lines (name, steps, values) in one trace: there to compare with.

        They are told on hover unless there are too many of them.
        """
        if not curves:
            return
        gap = np.array([np.nan])
        x = np.concatenate([part for _, steps, _ in curves for part in (self.axis.x(steps), gap)])
        y = np.concatenate([part for _, _, values in curves for part in (values.astype(np.float64), gap)])
        self._values.setdefault(row, []).append(y)
        self._x.append(x)
        self.figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": FAINT, "width": 1}, hoverinfo="skip", row=row, col=1
        )
        if len(x) > _MOST_POINTS:
            return
        told = [text for name, steps, _ in curves for text in [*(f"{name} at step {n:,}" for n in steps), ""]]
        places = np.concatenate([part for _, steps, _ in curves for part in (steps, [-1])])
        self.figure.data[-1].update(
            text=told,
            customdata=places,
            hoverinfo=None,
            hovertemplate=f"%{{text}}: {what} %{{y:.3f}}<extra></extra>",
        )
        if self.clickable:
            self._catch_clicks()

    def _catch_clicks(self) -> None:
        """Give the newest line markers that nobody sees: only markers can be chosen."""
        self.figure.data[-1].update(
            mode="lines+markers", marker={"opacity": 0, "size": 9}, selected=_UNSEEN, unselected=_UNSEEN
        )

    def rule(self, step: float, label: str = "") -> None:
        """One thin rule at a step through every panel."""
        self._rules.append((float(self.axis.x(np.array([step]))[0]), label))

    def finish(self, span: tuple[float, float] | None = None) -> go.Figure:
        """Set ranges, place rules and labels: the figure is complete. `span`: steps to leave room for at least."""
        room = [] if span is None else [self.axis.x(np.array(span))]
        x = np.concatenate([*self._x, *room] or [np.zeros(1)])
        end = float(np.nanmax(np.concatenate(self._x))) if self._x else float(np.nanmax(x))
        left, right = float(np.nanmin(x)), float(np.nanmax(x))
        left, right = (left, right) if left < right else (left - 0.5, right + 0.5)
        shown = np.log10 if self.axis.log else np.positive
        notes, shapes = [], []
        layout = self.figure.layout
        for row, title in enumerate(self.titles, start=1):
            low, high = self._range(row)
            layout[f"xaxis{_number(row)}"].range = [float(shown(left)), float(shown(right))]
            layout[f"yaxis{_number(row)}"].range = [low, high]
            notes += [_title_note(row, title), *self._end_notes(row, low, high, float(shown(end)))]
            shapes += [_rule(row, place) for place, _ in self._rules]
        for place, label in self._rules:
            if label:
                late = bool(shown(place) > 0.75 * shown(right) + 0.25 * shown(left))
                notes.append(_rule_note(float(shown(place)), label, late))
        longest = max((len(name) for ends in self._ends.values() for name, _, _ in ends), default=0)
        layout.margin.r = 20 + int(_LETTER_PIXELS * longest)
        layout.annotations = [*layout.annotations, *notes]  # at once: plotly takes a millisecond to add one
        layout.shapes = [*layout.shapes, *shapes]
        return self.figure

    def _end_notes(self, row: int, low: float, high: float, x: float) -> list[dict[str, object]]:
        """The labels of a panel's lines where the longest ends (x), moved apart where they would overlap."""
        ends = self._ends.get(row, [])
        gap = (high - low) * _LABEL_PIXELS / self.heights[row - 1]
        places = spread([y for _, _, y in ends], gap, low, high)
        return [
            {
                "x": x, "xref": f"x{_number(row)}", "xanchor": "left", "xshift": 4,
                "y": y, "yref": f"y{_number(row)}", "yanchor": "middle", "showarrow": False,
                "text": f'<span style="color:{colour}">●</span> {name}', "font": {"size": 12}, "align": "left",
            }
            for (name, colour, _), y in zip(ends, places, strict=True)
        ]  # fmt: skip

    def _band(self, row: int, x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str) -> None:
        self._values[row] += [low, high]
        self.figure.add_scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.concatenate([high, low[::-1]]),
            fill="toself",
            fillcolor=translucent(colour, 0.18),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            row=row,
            col=1,
        )

    def _range(self, row: int) -> tuple[float, float]:
        if row in self._fixed:
            return self._fixed[row]
        values = np.concatenate([np.zeros(0), *self._values.get(row, [])])
        values = values[np.isfinite(values)]
        if not len(values):
            return 0.0, 1.0
        low, high = float(values.min()), float(values.max())
        margin = 0.06 * (high - low) or 0.05
        return low - margin, high + margin


def _number(row: int) -> str:
    """What plotly puts behind the name of a panel's axis."""
    return str(row) if row > 1 else ""


def _title_note(row: int, title: str) -> dict[str, object]:
    return {
        "x": 0, "xref": f"x{_number(row)} domain", "xanchor": "left", "y": 1, "yref": f"y{_number(row)} domain",
        "yanchor": "bottom", "text": title, "showarrow": False, "font": {"size": 13},
    }  # fmt: skip


def _rule(row: int, x: float) -> dict[str, object]:
    return {
        "type": "line", "x0": x, "x1": x, "xref": f"x{_number(row)}", "y0": 0, "y1": 1,
        "yref": f"y{_number(row)} domain", "line": {"color": RULE, "width": 1, "dash": "dot"},
    }  # fmt: skip


def _rule_note(x: float, label: str, late: bool) -> dict[str, object]:
    """A rule's label at the top of the first panel; late: to its left, because there is no room to its right."""
    return {
        "x": x, "y": 1, "xref": "x", "yref": "y domain", "text": label, "showarrow": False, "yanchor": "top",
        "xanchor": "right" if late else "left", "xshift": -3 if late else 3, "font": {"size": 11},
    }  # fmt: skip


def spread(values: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places near `values` at least `gap` apart and, where there is room, inside [low, high]."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    places = [float(value) for value in values]
    for before, after in pairwise(order):
        places[after] = max(places[after], places[before] + gap)
    if order and places[order[-1]] > high:
        places[order[-1]] = max(high, low + gap * (len(order) - 1))
        for after, before in pairwise(reversed(order)):
            places[before] = min(places[before], places[after] - gap)
    return places
