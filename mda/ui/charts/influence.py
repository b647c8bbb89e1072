"""The chart of an attribution: how its scores are spread, and where the shown rows lie."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from mda.ui.charts.colours import GREY, GRID, PROMOTES, SUPPRESSES

BINS = 81


def histogram_figure(scores: np.ndarray, low_cut: float, high_cut: float) -> go.Figure:
    """Histogram of scores [n] on a log scale of rows; bins at or beyond the cuts are coloured.

    low_cut and high_cut: scores of the last rows shown as suppressing and as promoting.
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
    for cut, colour in ((low_cut, SUPPRESSES), (high_cut, PROMOTES)):
        figure.add_vline(x=cut, line={"color": colour, "width": 1, "dash": "dot"})
    figure.update_layout(
        height=170, margin={"l": 50, "r": 10, "t": 10, "b": 44}, showlegend=False, bargap=0, uirevision="scores"
    )
    figure.update_xaxes(title_text="score of a row (positive: promotes)", zeroline=False, showgrid=False)
    figure.update_yaxes(title_text="rows (log)", type="log", gridcolor=GRID, dtick=1)
    return figure
