"""What planned arms amount to: which exist already, how long the others take, and which rows they change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from mda.errors import UserError
from mda.jobs.files import ACTIVE, Job
from mda.studies.retrains import BASELINE, Retrain, caveats
from mda.studies.study import Study
from mda.ui.frame.jobs_panel import start_job
from mda.ui.retrain.choice import want
from mda.ui.retrain.experiments import SELECTION_NAMES, amount
from mda.ui.retrain.plan import planned_keys, schedule_of, stored_arms
from mda.ui.retrain.rows import planned_rows, rows_area
from mda.ui.retrain.time_needed import time_needed
from mda.ui.words.plain import plain
from mda.ui.words.retrains import ABOUT_SHORT_RETRAINS
from mda.workflows.retrain import RetrainsRequest
from mda.workflows.retrain_task import RetrainRequest

FEW_ROWS = 50  # rows below which an arm rarely moves anything


def outlook(study: Study, found: Sequence[Retrain], arms: Sequence[RetrainRequest], job: Job | None) -> None:
    """Tell what the arms are, offer to train them, and show which rows they change.

    arms: of one schedule, as of `plan.plan_arms`. job: the study's retraining that runs, if one does.
    """
    changing = [arm for arm in arms if arm.action != BASELINE]
    _amount_to(study, arms, changing)
    there = stored_arms(arms, found, study)
    new = [arm for arm, stored in zip(arms, there, strict=True) if stored is None]
    few = len(arms) - len(new)
    if few and new:
        st.caption(
            f"{few} of these {'exists' if few == 1 else 'exist'} already and cost{'s' * (few == 1)} nothing."
        )
    if new:
        time_needed(study, found, new)
        caveats_area(_caveats(study, arms[0]))
        launch_button("Retrain", study, arms, job)
    else:
        st.success("All of these arms exist already.")
        st.button("Compare them", on_click=want, args=(planned_keys(arms, study),))
    _which(study, changing)


def launch_button(label: str, study: Study, arms: Sequence[RetrainRequest], job: Job | None) -> None:
    """A button that trains the arms in one job; it rests while another one of the study is under way."""
    busy = job is not None and job.state in ACTIVE
    request = RetrainsRequest(arms=tuple(arms)).model_dump(mode="json")
    st.button(
        label, icon=":material/play_arrow:", on_click=_start, disabled=busy,
        args=(request, study.name, planned_keys(arms, study)),
        help="Retraining of this study is under way; wait for it, or cancel it." if busy else None,
    )  # fmt: skip


def _amount_to(study: Study, arms: Sequence[RetrainRequest], changing: Sequence[RetrainRequest]) -> None:
    first = changing[0]
    rows = len(schedule_of(first).window(study.facts.batch_size))
    count = len({arm.replicate for arm in arms})
    if first.rows is not None:
        what = f"{len(first.rows):,} of the window's {rows:,} rows"
        few = " So few rows rarely move anything beyond noise." if len(first.rows) < FEW_ROWS else ""
        against = f"The rows picked by hand are held against as many random others from the same steps.{few}"
    else:
        fractions = dict.fromkeys(arm.fraction or 0 for arm in changing)
        numbers = [f"{max(1, round(fraction * rows)):,}" for fraction in fractions]
        what = f"{' or '.join(numbers)} of the window's {rows:,} rows"
        against = (
            "Every arm is held against the baseline of its replicate, and the top rows against their controls."
        )
    kinds = len(changing) // count
    st.markdown(
        f"**{len(arms)} arms**, one after another: {kinds} that {first.action}{'s' * (kinds == 1)} **{what}**, "
        f"and the baseline, in {count} replicate{'s' * (count > 1)}. {against}"
    )


def _caveats(study: Study, arm: RetrainRequest) -> list[str]:
    fresh = not study.source.has_optimizer(arm.from_step)
    return caveats(fresh, arm.rows_per_step, study.facts.batch_size, arm.learning_rate)


def caveats_area(told: Iterable[str]) -> None:
    """What to keep in mind of how arms are trained, each once."""
    for sentence in dict.fromkeys(told):
        st.caption(f":material/info: {plain(sentence)}", help=ABOUT_SHORT_RETRAINS)


def _start(request: dict[str, object], study: str, keys: list[str]) -> None:
    want(keys)
    start_job("retrains", request, study)


def _which(study: Study, changing: Sequence[RetrainRequest]) -> None:
    """The rows of one selection at one fraction, in the first replicate."""
    arms: dict[str, RetrainRequest] = {}
    several = len({arm.fraction for arm in changing}) > 1
    for arm in changing:
        size = f", {amount(arm.fraction, 0)}" if several else ""
        arms.setdefault(f"{SELECTION_NAMES[str(arm.select)]}{size}", arm)
    st.markdown("**Which rows**")
    name = st.pills(
        "Rows of", list(arms), default=next(iter(arms)), required=True, key=f"rows-of-{'-'.join(arms)}",
        label_visibility="collapsed",
    )  # fmt: skip
    arm = arms[name or next(iter(arms))]
    if arm.select not in ("top", "bottom", "rows"):
        st.caption(f"Controls are drawn anew for every replicate; these are those of replicate {arm.replicate}.")
    try:
        rows = planned_rows(study, arm)
    except UserError as error:
        st.error(plain(str(error)))
        return
    rows_area(study, rows, schedule_of(arm).window(study.facts.batch_size), "planned rows", arm.attribution)
