"""Charts over training steps: panels one below the other that share the axis of steps, labelled directly.

Pure functions from tables to figures. Streamlit's own template gives text and background of the theme, so no
colour here is one of those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mda.ui.charts.colours import FAINT, GRID, RULE, translucent

_LABEL_PIXELS = 15  # a direct label's height
_LETTER_PIXELS = 6.5
_TOP, _BOTTOM, _GAP = 26, 44, 40


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
    """Charts one below the other over one axis of steps. `heights` are pixels of the plots themselves."""

    titles: list[str]
    heights: list[int]
    axis: StepAxis
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
            subplot_titles=self.titles,
        )
        self.figure.update_annotations(x=0, xanchor="left", font_size=13)
        self.figure.update_layout(
            height=inner + _TOP + _BOTTOM,
            margin={"l": 50, "r": 20, "t": _TOP, "b": _BOTTOM},
            showlegend=False,
            hovermode="closest",
            uirevision="steps",  # keeps a zoom while new points arrive
        )
        self.figure.update_xaxes(showgrid=False, zeroline=False, **self.axis.layout())
        self.figure.update_xaxes(title_text="training step", title_standoff=6, row=rows, col=1)
        self.figure.update_yaxes(gridcolor=GRID, zeroline=False, nticks=5)

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
            line={"color": colour, "width": 2.5, "dash": dash},
            customdata=np.asarray(steps),
            hovertemplate=f"{name or 'value'} at step %{{customdata:,}}: %{{y:.3f}}<extra></extra>",
            row=row,
            col=1,
        )
        self._x.append(x)
        finite = values[np.isfinite(values)]
        if name and len(finite):
            self._ends.setdefault(row, []).append((name, colour, float(finite[-1])))

    def crowd(self, row: int, curves: Sequence[tuple[str, np.ndarray, np.ndarray]], what: str) -> None:
        """Many thin grey lines (name, steps, values) in one trace: there to compare with, still told on hover."""
        if not curves:
            return
        x: list[float] = []
        y: list[float] = []
        told: list[str] = []
        for name, steps, values in curves:
            x += [*self.axis.x(steps).tolist(), float("nan")]
            y += [*np.asarray(values, dtype=np.float64).tolist(), float("nan")]
            told += [f"{name} at step {step:,}" for step in steps] + [""]
        self._values.setdefault(row, []).append(np.array(y))
        self._x.append(np.array(x))
        self.figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": FAINT, "width": 1},
            text=told,
            hovertemplate=f"%{{text}}: {what} %{{y:.3f}}<extra></extra>",
            row=row,
            col=1,
        )

    def rule(self, step: float, label: str = "") -> None:
        """One thin rule at a step through every panel."""
        self._rules.append((float(self.axis.x(np.array([step]))[0]), label))

    def finish(self, span: tuple[float, float] | None = None) -> go.Figure:
        """Set ranges, place rules and labels: the figure is complete. `span`: steps to leave room for at least."""
        room = [] if span is None else [self.axis.x(np.array(span))]
        x = np.concatenate([*self._x, *room] or [np.zeros(1)])
        left, right = float(np.nanmin(x)), float(np.nanmax(x))
        left, right = (left, right) if left < right else (left - 0.5, right + 0.5)
        shown = np.log10 if self.axis.log else np.positive
        self.figure.update_xaxes(range=[float(shown(left)), float(shown(right))])
        for place, label in self._rules:
            self._draw_rule(place, label, bool(shown(place) > 0.75 * shown(right) + 0.25 * shown(left)))
        for row in range(1, len(self.titles) + 1):
            low, high = self._range(row)
            self.figure.update_yaxes(range=[low, high], row=row, col=1)
            self._label_ends(row, low, high)
        longest = max((len(name) for ends in self._ends.values() for name, _, _ in ends), default=0)
        self.figure.update_layout(margin_r=20 + int(_LETTER_PIXELS * longest))
        return self.figure

    def _draw_rule(self, x: float, label: str, late: bool) -> None:
        self.figure.add_vline(x=x, line={"color": RULE, "width": 1, "dash": "dot"}, row="all", col=1)
        if label:
            self.figure.add_annotation(
                x=float(np.log10(x)) if self.axis.log else x, y=1, xref="x", yref="y domain", text=label,
                showarrow=False, xanchor="right" if late else "left", yanchor="top", font_size=11,
                xshift=-3 if late else 3,
            )  # fmt: skip

    def _label_ends(self, row: int, low: float, high: float) -> None:
        ends = self._ends.get(row, [])
        gap = (high - low) * _LABEL_PIXELS / self.heights[row - 1]
        places = spread([y for _, _, y in ends], gap, low, high)
        for (name, colour, _), y in zip(ends, places, strict=True):
            self.figure.add_annotation(
                x=1, xref="x domain", xanchor="left", xshift=4,
                y=y, yref=f"y{row}" if row > 1 else "y", yanchor="middle", showarrow=False,
                text=f'<span style="color:{colour}">●</span> {name}', font_size=12, align="left",
            )  # fmt: skip

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
