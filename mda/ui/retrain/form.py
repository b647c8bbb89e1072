"""The form that launches an experiment: arms, controls and replicates, one after another in one job."""

from __future__ import annotations

import streamlit as st

from mda.errors import UserError
from mda.studies.attributions import Attribution
from mda.studies.study import Study
from mda.ui.frame.choices import choose
from mda.ui.frame.jobs_panel import start_job
from mda.ui.frame.words import plain
from mda.ui.retrain.plan import (
    NEED_KINDS,
    SELECTIONS,
    Schedule,
    default_schedule,
    last_step,
    looks_every,
    plan_arms,
    start_steps,
)
from mda.workflows.retrain import RetrainsRequest


def retrain_form(study: Study, attributions: list[Attribution]) -> None:
    """Ask for the arms, say what they amount to, and start them."""
    starts = start_steps(study)
    if not starts:
        st.info("No checkpoint of this study has training rows after it, so nothing can be retrained.")
        return
    ids = [one.id for one in attributions]
    chosen = choose("Attribution that ranks the rows", ids, ids[-1], "attribution", "attribution")
    attribution = next(one for one in attributions if one.id == chosen)
    st.caption(plain(attribution.title))
    action, fraction, selections, replicates = _what(study)
    schedule, every = _when(study, attribution, starts)
    try:
        arms = plan_arms(study.name, chosen, action, selections, fraction, schedule, replicates, every)
    except UserError as error:
        st.error(plain(str(error)))
        return
    rows = (schedule.stop - schedule.start) * study.facts.batch_size
    steps = len(arms) * (schedule.until - schedule.start)
    kinds = f"{len(selections)} selection{'s' * (len(selections) > 1)} of rows and the baseline"
    st.markdown(
        f"**{len(arms)} arms**, one after another: {kinds}, in {replicates} replicate{'s' * (replicates > 1)}. "
        f"Each changes **{max(1, round(fraction * rows)):,} of the window's {rows:,} rows**; {steps:,} training "
        "steps in all. Arms that were trained before cost nothing."
    )
    request = RetrainsRequest(arms=tuple(arms)).model_dump(mode="json")
    st.button("Retrain", type="primary", on_click=start_job, args=("retrains", request, study.name))


def _what(study: Study) -> tuple[str, float, list[str], int]:
    """Action, fraction of the window, selections and replicates."""
    possible = [one for one in SELECTIONS if study.kinds is not None or one not in NEED_KINDS]
    left, middle, right = st.columns([1, 1, 1])
    action = left.segmented_control("Action", ["remove", "duplicate"], default="remove", required=True)
    percent = middle.number_input("Share of the window's rows (%)", 0.1, 50.0, 10.0, step=1.0, format="%g")
    replicates = right.number_input(
        "Replicates",
        1,
        20,
        3,
        help="The first takes rows in their order, each other one shuffles those of the window, the same way for "
        "every arm. One run says little: the end points of single runs are mostly noise.",
    )
    selections = st.multiselect(
        "Selections of rows, with controls",
        possible,
        [one for one in possible if one != "bottom"],
        help="; ".join(f"{name}: {SELECTIONS[name]}" for name in possible),
    )
    if study.kinds is None:
        st.caption("The rows of this study carry no kind, so there are no controls matched by kind.")
    return str(action or "remove"), round(percent / 100, 6), selections, int(replicates)


def _when(study: Study, attribution: Attribution, starts: list[int]) -> tuple[Schedule, int]:
    """The window, how long to go on, and the steps between two looks."""
    default, last = default_schedule(study, attribution), last_step(study)
    a, b, c, d = st.columns(4)
    start = a.selectbox("Start from checkpoint", starts, starts.index(default.start), key=f"from-{attribution.id}")
    stop = b.number_input("Change rows until step", 1, last, default.stop, key=f"to-{attribution.id}")
    until = c.number_input("Train on until step", 1, last, default.until, key=f"until-{attribution.id}")
    schedule = Schedule(int(start if start is not None else default.start), int(stop), int(until))
    every = d.number_input("Steps between looks", 1, last, looks_every(default), key=f"every-{attribution.id}")
    return schedule, int(every)
