"""Charts of retrains: one line an arm, the mean over its replicates in their band."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mda.ui.charts.colours import arm_colours
from mda.ui.charts.panels import Panels, StepAxis
from mda.ui.frame.words import name_of


def arms_figure(
    curves: pd.DataFrame, head: str, score: str, window: tuple[int, int] | None = None, until: int | None = None
) -> go.Figure:
    """A head's score in every arm: mean over replicates, band from the lowest to the highest.

    curves: columns arm, replicate, step, head (`L1H3`) and the score. A step counts once all of an arm's
    replicates that reached it are averaged. window: steps in which rows were changed, marked by two rules.
    until: the last step to come, so that the axis does not grow while a job runs.
    """
    chosen = curves[(curves["head"] == head) & curves[score].notna()]
    panels = Panels(
        [f"{name_of(score)} of {head}: mean over replicates, band from lowest to highest"],
        [300],
        StepAxis(log=False, first=1),
    )
    colours = arm_colours(chosen["arm"])
    for arm, colour in colours.items():
        by_step = chosen[chosen["arm"] == arm].groupby("step")[score]
        mean, low, high = by_step.mean(), by_step.min(), by_step.max()
        several = by_step.count().max() > 1
        band = (low.to_numpy(), high.to_numpy()) if several else None
        panels.line(1, mean.index.to_numpy(np.int64), mean.to_numpy(np.float64), arm, colour, band=band)
    if window is not None:
        panels.rule(window[0], "rows changed from here")
        panels.rule(window[1], "to here")
    panels.fix(1, 0.0, 1.08 * max(0.1, float(chosen[score].max()) if len(chosen) else 0.0))
    return panels.finish(None if window is None or until is None else (window[0], until))
