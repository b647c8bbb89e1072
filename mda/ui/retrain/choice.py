"""Which past retrains the page compares: whole experiments, or some of their arms; both live in the URL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st

from mda.studies.attributions import Attribution
from mda.studies.retrains import Retrain
from mda.ui.frame.choices import keep, settle
from mda.ui.frame.selection import View
from mda.ui.retrain.experiments import SELECTION_NAMES, Experiment, experiment_key, titles
from mda.ui.words.plain import plain

MOST_AT_FIRST = 6  # experiments that a page begins with
_WANTED, _OFFERED = "retrains-wanted", "arms-offered"


def want(keys: Sequence[str]) -> None:
    """Show these experiments as soon as they are there: those that were launched just now."""
    st.session_state[_WANTED] = list(keys)


def choose_experiments(
    view: View, experiments: Sequence[Experiment], found: Sequence[Retrain], attributions: Sequence[Attribution]
) -> list[Experiment]:
    """The chosen experiments, whole."""
    by_key = {one.key: one for one in _in_series(experiments)}
    default = _default(view, experiments, attributions)
    of_run = {one.id: experiment_key(one) for one in found}
    unknown: list[str] = []

    def parse(text: str) -> list[str]:
        """Keys of experiments; the id of a retrain stands for its experiment."""
        keys: list[str] = []
        for part in filter(None, text.split(",")):
            key = of_run.get(part, part)
            (keys if key in by_key else unknown).append(key if key in by_key else part)
        return list(dict.fromkeys(keys)) or default

    settle("retrains", default, parse, "retrain")
    if unknown:
        st.warning(
            f"There is no retrain {plain(', '.join(part[:80] for part in unknown[:3]))} here (any more); shown is "
            "what there is."
        )
    named = _long_titles(experiments)
    _follow_launch(by_key)
    _drop_strangers("retrains", by_key, default)
    chosen = st.pills(
        "Experiments", list(by_key), selection_mode="multi", key="retrains", format_func=lambda key: named[key],
        help="An experiment is a selection of rows and its controls, in the same window and all replicates. Each "
        "arm is held against the baseline of its own replicate, which is found by itself.",
    )  # fmt: skip
    keep("retrains", chosen, ",".join(chosen))
    return [by_key[key] for key in chosen]


def _long_titles(experiments: Sequence[Experiment]) -> dict[str, str]:
    """What was done, to which rows and when, and more where this does not tell all of them apart."""
    named = titles(experiments)
    long = {one.key: one.title for one in experiments}
    repeated = [title for title, times in Counter(long.values()).items() if times > 1]
    return {key: named[key] if title in repeated else title for key, title in long.items()}


def choose_arms(chosen: Sequence[Experiment]) -> list[Experiment]:
    """The experiments with those of their arms that are ticked: all at first, and all of one that is added."""
    named = titles(chosen)
    names = {
        f"{one.key}.{selection}": _arm_name(one, selection, named[one.key], alone=len(chosen) == 1)
        for one in chosen
        for selection in one.arms
    }
    strange: list[str] = []

    def parse(text: str) -> list[str]:
        parts = [part for part in text.split(",") if part]
        strange.extend(part for part in parts if part not in names)
        return [part for part in parts if part in names] or list(names)

    settle("arms", list(names), parse, "arm")
    if strange:
        st.warning("Some arms that the address names are not among these experiments; shown are those that are.")
    before = st.session_state.get(_OFFERED, names)
    ticked = [key for key in names if key in st.session_state["arms"] or key not in before]
    st.session_state["arms"] = ticked
    st.session_state[_OFFERED] = list(names)
    with st.popover(f"Arms: {len(ticked)} of {len(names)}", icon=":material/checklist:"):
        arms = st.pills(
            "Arms that are shown", list(names), selection_mode="multi", key="arms", format_func=_namer(names)
        )
    keep("arms", arms, "" if len(arms) == len(names) else ",".join(arms))
    shown = [
        replace(one, arms={name: runs for name, runs in one.arms.items() if f"{one.key}.{name}" in arms})
        for one in chosen
    ]
    return [one for one in shown if one.arms]


def _arm_name(one: Experiment, selection: str, title: str, alone: bool) -> str:
    name = SELECTION_NAMES[selection]
    return f"{name} × {len(one.arms[selection])}" if alone else f"{title}: {name}"


def _namer(names: dict[str, str]) -> Callable[[str], str]:
    return lambda key: names.get(key, key)


def _default(view: View, experiments: Sequence[Experiment], attributions: Sequence[Attribution]) -> list[str]:
    """The newest experiment whose attribution asks about the head and probe of the view, else the newest of all,
    with those that differ from it in the fraction alone."""
    asked = {
        one.id
        for one in attributions
        if str(view.head) in one.manifest.spec["heads"] and one.manifest.spec["probe"] == view.probe
    }
    fitting = [one for one in experiments if one.shared["attribution"] in asked] or list(experiments)
    if not fitting:
        return []
    # what takes the rows away is the proof; the newest of those that duplicate comes second
    first = next((one for one in fitting if one.shared["action"] == "remove"), fitting[0])
    series = [one for one in fitting if one.series == first.series and one.fraction is not None]
    return [one.key for one in sorted(series, key=lambda one: one.fraction or 0)[:MOST_AT_FIRST]] or [first.key]


def _in_series(experiments: Sequence[Experiment]) -> list[Experiment]:
    """Those that differ in their fraction alone beside each other, ascending; the newest series first."""
    series = list(dict.fromkeys(one.series for one in experiments))
    return sorted(experiments, key=lambda one: (series.index(one.series), one.fraction or 0))


def _follow_launch(by_key: dict[str, Experiment]) -> None:
    """Choose what was launched from here, once some arm of each of its experiments is there."""
    wanted = st.session_state.get(_WANTED)
    if wanted and all(key in by_key for key in wanted):
        st.session_state["retrains"] = wanted
        del st.session_state[_WANTED]


def _drop_strangers(key: str, known: dict[str, Experiment], default: list[str]) -> None:
    """Leave out what another study has, or what is gone."""
    now = st.session_state[key]
    kept = [one for one in now if one in known]
    if len(kept) != len(now):
        st.session_state[key] = kept or default
