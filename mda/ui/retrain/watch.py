"""Retraining while it runs: which arm is being trained, and the curves of all arms so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import pandas as pd
import streamlit as st

from mda.errors import UserError
from mda.jobs.files import ACTIVE, Job, list_jobs
from mda.studies.retrains import BASELINE, Retrain
from mda.ui.charts.retrain import arms_figure
from mda.ui.frame.cached import retrains
from mda.ui.frame.live import live_arms
from mda.ui.frame.selection import View
from mda.ui.retrain.plan import stored_arms
from mda.ui.retrain.reads import run_curves
from mda.ui.words.plain import plain
from mda.workflows.registry import checked
from mda.workflows.retrain_task import RetrainRequest

_PIXELS = 370
_ABOUT = (
    "Lines are means over the replicates that are through, in a band from the lowest to the highest; one that is "
    "under way is dotted."
)


def retraining_job(study: str) -> Job | None:
    """The study's retraining: the one that runs, else the newest."""
    mine = [job for job in list_jobs() if job.spec.command in ("retrain", "retrains") and job.spec.study == study]
    return next((job for job in mine if job.state in ACTIVE), mine[0] if mine else None)


def live_curves(view: View) -> Callable[[Job], None]:
    """What draws a job's curves, of the view's head."""
    return partial(_live, view)


def _live(view: View, job: Job) -> None:
    head, score = str(view.head), view.score
    arms: list[RetrainRequest] = []
    with suppress(UserError):  # asked for by another version: it can still be watched
        arms = [checked(RetrainRequest, arm) for arm in job.spec.arguments.get("arms") or [job.spec.arguments]]
    told = live_arms(job.metrics()[0], head)
    there = [one for one in stored_arms(arms, retrains(view.study.name), view.study) if one is not None]
    curves = pd.concat([_stored(there, told, head, score), told], ignore_index=True)
    if curves.empty or not arms:
        st.caption("Curves begin with the first arm's first look at the heads.")
        st.skeleton(height=_PIXELS)
        return
    window, until = (arms[0].from_step, arms[0].to_step), arms[0].until or arms[0].to_step
    if len(told) and job.state in ACTIVE:
        last = told.iloc[-1]
        what = "the baseline" if last["arm"] == BASELINE else last["arm"]
        step = f"step {last['step']:,} of {until:,}"
        st.caption(f"Now: {plain(what)}, replicate {last['replicate']}, {step}. {_ABOUT}")
    st.plotly_chart(
        arms_figure(curves, head, score, window, until), key=f"live-{job.id}", config={"displayModeBar": False}
    )


def _stored(there: Sequence[Retrain], told: pd.DataFrame, head: str, score: str) -> pd.DataFrame:
    """Curves of the job's arms that were there before it, so that it did not train them."""
    trained = set(zip(told["arm"], told["replicate"], strict=True))
    before = [one for one in there if (one.label, one.replicate) not in trained]
    tables = []
    for one in before:
        table = run_curves(one)
        tables.append(table.loc[table["head"] == head, ["replicate", "step", "head", score]].assign(arm=one.label))
    return pd.concat(tables, ignore_index=True) if tables else told.iloc[:0]
