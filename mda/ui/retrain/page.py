"""The page of retrains: launch arms, watch them, compare those that are done."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mda.jobs.files import Job
from mda.store.paths import read_only
from mda.studies.attributions import Attribution
from mda.studies.retrains import Retrain
from mda.studies.study import Study
from mda.ui.frame.cached import attributions as attributions_of
from mda.ui.frame.cached import retrains
from mda.ui.frame.choices import keep, settle
from mda.ui.frame.jobs_panel import job_area
from mda.ui.frame.notes import may_write
from mda.ui.frame.selection import View
from mda.ui.retrain.choice import choose_arms, choose_experiments
from mda.ui.retrain.curves import curves_area
from mda.ui.retrain.delays import delays_area
from mda.ui.retrain.details import details_area, next_steps, reliability_caption
from mda.ui.retrain.experiments import Experiment, group_retrains
from mda.ui.retrain.form import retrain_form
from mda.ui.retrain.outlook import caveats_area, launch_button
from mda.ui.retrain.plan import LONGEST_ROWS, missing_baselines
from mda.ui.retrain.reads import comparison
from mda.ui.retrain.watch import live_curves, retraining_job
from mda.ui.words.plain import plain
from mda.ui.words.retrains import ABOUT_SHORT_RETRAINS
from mda.workflows.compare import baseline_command, baselines_of

_PICKED_OF = "picked-of"  # the study of the picked rows, as on the page of influence


def retrain_page(view: View) -> None:
    """Arms to launch, the job that runs, and the comparison."""
    study = view.study
    proof = "The proof: is a head born later when the rows that promote it are taken away?"
    st.header("Retrain", help=f"{proof} {ABOUT_SHORT_RETRAINS}")
    job = retraining_job(study.name)
    job_area(job, live_curves(view))
    attributions, found = attributions_of(study.name), retrains(study.name)
    experiments = group_retrains(found, attributions, study.manifest.identity)
    like = _like(found)
    if may_write():
        picked = _picked(study)
        asked = bool(picked or like)
        key = f"new-experiment{f'-{like.id}' if like else ''}{'-picked' if picked else ''}"
        with st.expander("New experiment", expanded=asked or not experiments, key=key, on_change="rerun") as box:
            if box.open:
                retrain_form(view, found, experiments, like, job)
    if not experiments:
        st.info(
            "No arm has changed any rows yet; arms are compared here as they finish."
            if found
            else "Nothing has been retrained yet; arms are compared here as they finish."
        )
        return
    _comparison(view, experiments, found, attributions, job)


def _picked(study: Study) -> str:
    """Rows as they were picked by hand, if any were; too many for an address are left out of it."""
    if st.session_state.setdefault(_PICKED_OF, study.name) != study.name:
        st.session_state["picked"] = ""  # their numbers mean other rows here
    st.session_state[_PICKED_OF] = study.name
    cut: list[str] = []

    def parse(text: str) -> str:
        if len(text) < LONGEST_ROWS:
            return text
        cut.append(text)
        return ""

    settle("picked", "", parse, "row")
    if cut:
        st.warning(
            "The address names more rows than an address can hold, so none of them is taken; name them below."
        )
    picked: str = st.session_state["picked"]
    return keep("picked", picked, picked if len(picked) < LONGEST_ROWS else "")


def _like(found: Sequence[Retrain]) -> Retrain | None:
    """The retrain whose settings the form begins with, if the address names one."""
    settle("like", "", lambda text: text, "retrain")
    asked = keep("like", st.session_state["like"])
    like = next((one for one in found if one.id == asked), None)
    if asked and like is None:
        st.warning(f"There is no retrain '{plain(asked[:80])}' here (any more), so the form begins as usual.")
    return like


def _comparison(
    view: View,
    experiments: Sequence[Experiment],
    found: Sequence[Retrain],
    attributions: Sequence[Attribution],
    job: Job | None,
) -> None:
    st.subheader("Comparison")
    whole = choose_experiments(view, experiments, found, attributions)
    chosen: list[Experiment] = []
    if whole:
        with st.container(horizontal=True, vertical_alignment="center"):
            chosen = choose_arms(whole)
            next_steps(whole, attributions)
    if not chosen:
        st.info("Choose at least one experiment, and one of its arms.")
        return
    if any(one.shared["study"] != view.study.manifest.identity for one in chosen):
        st.warning(
            f"Some of these were made for an earlier study named '{plain(view.study.name)}', so its rows and "
            "curves may not be these. Make them again."
        )
    schedules = len({one.runs[0].schedule for one in chosen})
    if schedules > 1:
        st.caption(
            f"These experiments have {schedules} different windows or schedules: each is held against its own "
            "baselines, and delays are of one kind only where the windows are."
        )
    arms = [run for one in chosen for run in one.runs]
    caveats_area(sentence for run in arms for sentence in run.caveats)
    _tell_lacking(view, [run for run in arms if run.replicate not in baselines_of(run, found)], job)
    runs, table = comparison(arms, found)
    if not runs.empty or not table.empty:
        delays_area(view, chosen, runs, table)
    reliability_caption(chosen, attributions)
    curves_area(view, chosen, found)
    details_area(view.study, chosen)


def _tell_lacking(view: View, lacking: Sequence[Retrain], job: Job | None) -> None:
    """Arms that cannot be held against anything, and the remedy."""
    if not lacking:
        return
    numbers = ", ".join(str(number) for number in sorted({one.replicate for one in lacking}))
    st.warning(
        f"{len(lacking)} retrain{'s' * (len(lacking) > 1)} (replicate {numbers}) cannot be compared: no baseline "
        "of the same schedule and replicate is there yet, so their delays are left out."
    )
    mine = [one for one in lacking if one.manifest.spec["study"] == view.study.manifest.identity]
    needed = missing_baselines(mine)
    if needed and not read_only():
        with st.container(horizontal=True, vertical_alignment="center"):
            label = "Train the missing baseline" + (f"s ({len(needed)})" if len(needed) > 1 else "")
            launch_button(label, view.study, needed, job)
            st.caption(f"or `{baseline_command(mine[0])}`")
