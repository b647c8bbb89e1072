"""How long planned arms will take: from earlier arms, else from building the study, else measured on request."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mda.errors import UserError
from mda.studies.retrains import Retrain
from mda.studies.study import Study
from mda.ui.frame.models import one_at_a_time
from mda.ui.retrain.cost import Pace, building_pace, duration, measured_pace
from mda.ui.words.plain import plain
from mda.workflows.retrain_task import RetrainRequest, RetrainTask

_PACES = "measured-paces"  # of this session, by study and rows a step


def time_needed(study: Study, found: Sequence[Retrain], new: Sequence[RetrainRequest]) -> None:
    """Say how long the arms take; where nothing tells, offer to measure it."""
    steps = sum((arm.until or arm.to_step) - arm.from_step for arm in new)
    rows = new[0].rows_per_step
    key = (study.manifest.identity, rows)
    pace, source = _pace(study, found, rows, key)
    told = f"{steps:,} training steps; how long they take, the first arm will tell."
    if pace is not None:
        told = f"About **{duration(pace.seconds(new))}** for {steps:,} training steps ({source})."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/schedule: {told}", width="content")
        measure = (pace is None or not pace.arms) and st.button(
            "Measure how long", type="tertiary", icon=":material/timer:",
            help="Trains a model of this size for a moment, on random text. Takes from a second to some minutes, "
            "as a few steps and a look at all heads do.",
        )  # fmt: skip
    if measure:
        _try(key, new[0])


def _pace(
    study: Study, found: Sequence[Retrain], rows: int | None, key: tuple[str, int | None]
) -> tuple[Pace | None, str]:
    """The best pace there is for arms on so many rows a step, and what it was measured on."""
    own = [one for one in found if one.manifest.spec["study"] == key[0] and one.rows_per_step == rows]
    pace = measured_pace(own)
    if pace is not None:
        return pace, f"measured on {pace.arms} earlier arm{'s' * (pace.arms != 1)} of this study"
    if key in (tried := st.session_state.get(_PACES, {})):
        return tried[key], "measured just now on random text; the first arm tells better"
    if rows is None:
        return building_pace(study), "from building the study; the first arm tells better"
    return None, ""


def _try(key: tuple[str, int | None], arm: RetrainRequest) -> None:
    """Measure the pace of an arm and remember it for this session."""
    from mda.workflows.retrain_pace import trial_pace  # loads what trains

    try:
        with st.spinner("Measuring …"), one_at_a_time():
            step, look = trial_pace(RetrainTask(arm))
    except UserError as error:
        st.error(plain(str(error)))
        return
    st.session_state.setdefault(_PACES, {})[key] = Pace(step, look, 0)
    st.rerun()
