"""What the story tells of: an attribution, an experiment, and the small tables made of them, kept in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from mda.evidence.compare import summarise
from mda.evidence.enrichment import enrichment
from mda.interventions.selection import select_top
from mda.studies.attributions import Attribution
from mda.studies.retrains import BASELINE, Retrain
from mda.studies.study import Study
from mda.ui.frame.cached import attributions, retrains, scores
from mda.ui.frame.selection import PROBE_SCORES, View
from mda.ui.words.story import TOP, Change
from mda.workflows.compare import compare_schedules

TOP_FRACTION = 0.1
TOP_GROUP = "top 10 %"
MOST_ROWS = 50_000  # that a composition is measured on; intervals are narrow long before


def told_attribution(view: View) -> Attribution | None:
    """The newest attribution of the chosen head and probe, else the newest of the head, else the newest.

    None where there is none; those of an earlier study of this name do not count.
    """
    found = [one for one in attributions(view.study.name) if _current(one, view.study)]
    return max(found, key=lambda one: _fit(one, view), default=None)


def rows_made_of(attribution: Attribution) -> pd.DataFrame:
    """The table of `evidence.enrichment` for the attribution's top rows, TOP_GROUP, beside all of its rows."""
    return _rows_made_of(attribution.study, attribution.manifest.identity, attribution)


@st.cache_data(max_entries=64, show_spinner="Looking at what the rows are made of …")
def _rows_made_of(study: str, identity: str, _attribution: Attribution) -> pd.DataFrame:
    frame = scores(_attribution)
    top = np.zeros(len(frame), dtype=bool)
    top[select_top(frame["score"].to_numpy(), TOP_FRACTION)] = True
    if len(frame) > MOST_ROWS:
        drawn = np.sort(np.random.default_rng(0).choice(len(frame), MOST_ROWS, replace=False))
        frame, top = frame.take(drawn), top[drawn]
    kinds = frame["kind"].to_numpy(str) if "kind" in frame else None
    return enrichment({TOP_GROUP: np.flatnonzero(top)}, kinds, frame["repeated"].to_numpy())


def told_experiment(view: View) -> list[Retrain]:
    """The newest arms that share schedule and attribution, each with a baseline; of the chosen head, if there are.

    Newest first; empty where no arm has a baseline yet.
    """
    found = [one for one in retrains(view.study.name) if _current(one, view.study)]
    based = {(one.schedule, one.replicate) for one in found if one.label == BASELINE}
    groups: dict[object, list[Retrain]] = {}
    for one in found:
        if one.label != BASELINE and (one.schedule, one.replicate) in based:
            groups.setdefault((one.schedule, one.attribution, one.named_rows), []).append(one)
    asked = {one.id: one for one in attributions(view.study.name)}

    def fit(arms: list[Retrain]) -> tuple[int, bool]:
        about = asked.get(arms[0].attribution or "")
        return (_fit(about, view) if about else 0, any(one.manifest.spec["select"] == TOP for one in arms))

    return max(groups.values(), key=fit, default=[])


def experiment_score(arms: Sequence[Retrain], view: View) -> str:
    """The head score that the experiment is about: its attribution's, else the view's."""
    for one in attributions(view.study.name):
        if one.id == arms[0].attribution:
            return PROBE_SCORES.get(one.manifest.spec["probe"], "prefix_matching")
    return view.score


def main_change(arms: Sequence[Retrain]) -> Change:
    """The change that the sentence is about: removal before duplication, top rows first, the largest share."""
    spec = min(
        (one.manifest.spec for one in arms),
        key=lambda spec: (spec["select"] != TOP, spec["action"] != "remove", -(spec["fraction"] or 0)),
    )
    return Change.of(spec)


def compared(arms: Sequence[Retrain], change: Change, score: str) -> pd.DataFrame:
    """Lines of `evidence.compare.summarise`, one a selection (column `select`) that changes as large a share.

    About all heads together that are born into the score in the baseline; empty where none is.
    """
    alike = [
        one
        for one in arms
        if (one.manifest.spec["action"], one.manifest.spec["fraction"]) == (change.action, change.fraction)
    ]
    table = _comparison(tuple(one.manifest.identity for one in alike), alike)
    table = table[table["score"] == score]
    return table[table["head"] == max(table["head"], key=len, default="")]


@st.cache_data(max_entries=64, show_spinner="Comparing retrains …")
def _comparison(identities: tuple[str, ...], _arms: Sequence[Retrain]) -> pd.DataFrame:
    runs, _ = compare_schedules(_arms, retrains(_arms[0].study), lambda one: str(one.manifest.spec["select"]))
    if runs.empty:
        return pd.DataFrame(columns=["select", "score", "head"])
    return summarise(runs).rename(columns={"arm": "select"})


def _current(one: Attribution | Retrain, study: Study) -> bool:
    return bool(one.manifest.spec["study"] == study.manifest.identity)


def _fit(one: Attribution, view: View) -> int:
    spec = one.manifest.spec
    about = str(view.head) in spec["heads"]
    return about + (about and spec["probe"] == view.probe)
