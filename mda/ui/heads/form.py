"""Which checkpoints to score: all, or few of very many, with what that takes said first."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from mda.errors import UserError
from mda.store.paths import read_only
from mda.studies.step_presets import choose_steps
from mda.studies.study import Study
from mda.ui.frame.cached import born_heads
from mda.ui.frame.checkpoints import steps_words, why_no_download
from mda.ui.frame.jobs_panel import start_job
from mda.ui.frame.notes import may_write
from mda.ui.frame.public import public
from mda.ui.frame.selection import View
from mda.ui.heads.cost import ScoringCost, scoring_cost
from mda.ui.words.plain import plain
from mda.workflows.head_scores import HeadsRequest

SPREAD, _SPREAD_STEPS = "log20", 20
_FEW = 60  # checkpoints that are scored all at once, without asking which
_OWN = "own"
_LONGEST = 2000  # letters of a list of steps


def missing_scores(view: View, models: pd.DataFrame) -> None:
    """How many checkpoints lack scores, which cannot have any, and what computes those that can."""
    study, scored = view.study, set(models["step"])
    absent = {step: reason for step in study.steps if (reason := study.source.absent(step)) is not None}
    missing = [step for step in study.steps if step not in scored and step not in absent]
    if absent:
        _tell_absent(absent)
    if not missing:
        return
    count = "No checkpoint" if models.empty else f"{len(scored)} of {len(study.steps)} checkpoints"
    said = f"{count} {'has' if models.empty else 'have'} head scores."
    if len(study.steps) <= _FEW and all(map(study.source.here, missing)):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(said, width="content")
            if may_write():
                _button(f"Score the missing {len(missing)}", study, None)
    elif models.empty:
        st.markdown(said)
        if may_write():
            with st.container(border=True):
                _choose(view, missing)
    elif read_only():
        st.caption(said)
    else:
        with st.expander(f"{said} Score more", key="score-more", on_change="rerun") as box:
            if box.open:
                _choose(view, missing)


def first_steps(study: Study) -> list[int]:
    """The checkpoints to begin with: all, or 20 spread over training where there are many or some to download."""
    whole = len(study.steps) <= _FEW and all(map(study.source.here, study.steps))
    steps = study.steps if whole else choose_steps(SPREAD, study.steps)
    return [step for step in steps if study.source.absent(step) is None]


def score_button(study: Study, cost: ScoringCost, label: str) -> None:
    """The button that scores the steps of a cost, unless they cannot be downloaded; then why."""
    why = why_no_download() if cost.missing else None
    if why is not None:
        st.caption(f"{len(cost.missing)} of these checkpoints are not on this machine, and {why}.")
        return
    _button(label, study, tuple(cost.steps))


def _choose(view: View, missing: list[int]) -> None:
    """Presets of steps, what the chosen one takes, and the button."""
    study, middle = view.study, _birth(view)
    around = f"around:{middle or view.step}"
    where = f"birth of {view.head}" if middle is not None else "step at the side"
    presets = {SPREAD: "20 spread over training", around: f"Around the {where}", "all": "All", _OWN: "A list"}
    if len(study.steps) <= _SPREAD_STEPS:
        del presets[SPREAD]
        presets = {"all": "All", **presets}
    left = [preset for preset in presets if preset != _OWN and _lacking(preset, study, missing)]
    preset = st.segmented_control(
        "Checkpoints to score", list(presets), default=left[0], format_func=presets.__getitem__, required=True,
        help="Spread: evenly over the logarithm of the step, first and last included, which shows when heads are "
        f"born. Around: the nearest to step {middle or view.step:,} and ten on either side of it.",
    )  # fmt: skip
    asked = str(preset)
    if preset == _OWN:
        asked = st.text_input("Steps", placeholder="0, 512, 1000, 2000", max_chars=_LONGEST).strip()
        if not asked:
            return
    try:
        wanted = _lacking(asked, study, missing)
    except UserError as error:
        st.error(plain(str(error)))
        return
    if not wanted:
        st.caption("All of these have their scores already.")
        return
    cost = scoring_cost(study, wanted)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{cost.words}.", width="content")
        score_button(study, cost, "Download and score" if cost.missing else "Score")


def _lacking(asked: str, study: Study, missing: list[int]) -> list[int]:
    """The steps that are asked for and lack scores. Raises UserError for steps that there are not."""
    chosen = {study.check_step(step) for step in choose_steps(asked, study.steps)}
    return [step for step in missing if step in chosen]


def _birth(view: View) -> int | None:
    """The step near which the head was born into the view's score, if it is known."""
    born = born_heads(view.study.name)
    mine = (born["layer"] == view.head.layer) & (born["head"] == view.head.index) & (born["score"] == view.score)
    found = born.loc[mine, "birth_step"].dropna()
    return None if found.empty or not math.isfinite(found.iloc[0]) else round(found.iloc[0])


def _button(label: str, study: Study, steps: tuple[int, ...] | None) -> None:
    request = HeadsRequest(study=study.name, steps=steps).model_dump(mode="json")
    st.button(label, icon=":material/play_arrow:", on_click=start_job, args=("heads", request, study.name))


def _tell_absent(absent: dict[int, str]) -> None:
    """The steps that have no weights anywhere, and why."""
    has = "has" if len(absent) == 1 else "have"
    st.caption(
        f"{steps_words(sorted(absent))} {has} no weights that could be used, and so no scores.",
        help="  \n".join(plain(public(reason)) for reason in absent.values()),
    )
