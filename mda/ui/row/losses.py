"""The loss of one row at the checkpoints of its study, computed on demand and kept."""

from __future__ import annotations

import time

import numpy as np
import streamlit as st

from mda.influence.row_loss import MeanLosses, copied_targets, mean_losses, row_losses
from mda.studies.study import Study
from mda.ui.charts.row import Losses
from mda.ui.frame.models import model

MOST_CHECKPOINTS = 40
_PATIENCE = 0.3  # seconds before progress is shown, so that kept losses appear without a flicker


def losses_at(study: Study, row: int, steps: list[int]) -> Losses:
    """Mean losses of the row at these checkpoints, with progress where it takes a while."""
    started = time.monotonic()
    progress = st.empty()
    found = []
    for number, step in enumerate(steps):
        if time.monotonic() - started > _PATIENCE:
            progress.progress(number / len(steps), f"Reading the row at step {step:,}: {number} of {len(steps)}")
        found.append(_loss(study.name, study.manifest.identity, row, step, study))
    progress.empty()
    names = ("all", "copied", "other")
    return Losses(steps, {name: [getattr(one, name) for one in found] for name in names})


def looked_at(steps: list[int], step: int) -> list[int]:
    """The checkpoints of `steps` whose loss is shown: all, or `MOST_CHECKPOINTS` spread evenly over them, and the
    one at `step`, if there is one."""
    if len(steps) <= MOST_CHECKPOINTS:
        return steps
    places = np.linspace(0, len(steps) - 1, MOST_CHECKPOINTS).round().astype(int)
    return sorted({*(steps[place] for place in places), *([step] if step in steps else [])})


@st.cache_data(max_entries=20_000, show_spinner=False)
def _loss(name: str, identity: str, row: int, step: int, _study: Study) -> MeanLosses:
    tokens = np.asarray(_study.rows[row])
    with model(_study, step) as loaded:
        losses = row_losses(loaded, tokens)
    return mean_losses(losses, copied_targets(tokens))
