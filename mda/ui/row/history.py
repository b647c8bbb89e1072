"""What is stored of one row: its scores in attributions, and the retrains that changed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from mda.heads.geometry import Head
from mda.store.tables import read_parquet
from mda.studies.attributions import SCORES, Attribution
from mda.studies.retrains import BASELINE, Retrain
from mda.studies.study import Study
from mda.ui.charts.row import StepScores


def scores_by_head(attribution: Attribution, line: pd.Series) -> dict[Head, float]:
    """A row's score through each head, from its `line` of the table of scores."""
    heads = attribution.heads
    if len(heads) == 1:
        return {heads[0]: float(line["score"])}
    return {head: float(line[str(head)]) for head in heads}


def covering(attributions: Sequence[Attribution], head: Head, probe: str, row: int) -> list[Attribution]:
    """The attributions that ask about the head with the probe, and that scored the row."""
    return [
        one
        for one in attributions
        if str(head) in one.manifest.spec["heads"]
        and one.manifest.spec["probe"] == probe
        and one.covers(np.array([row]))[0]
    ]


def scores_by_step(found: Sequence[Attribution], chosen: Attribution | None, row: int) -> list[StepScores]:
    """The row's score at each checkpoint of attributions that cover it, by their heads and the end of their id."""
    return [
        StepScores(
            f"{' + '.join(one.manifest.spec['heads'][:3])} ({one.id.rpartition('-')[2][:4]})",
            one.steps,
            _at_steps(one.study, one.manifest.identity, row, one),
            chosen is not None and one.id == chosen.id,
        )
        for one in found
    ]


@dataclass(frozen=True)
class Change:
    """Retrains of one arm that changed a row: label, id of the attribution that chose its rows if one did, window
    of steps, the row's weight, replicates and ids."""

    label: str
    attribution: str | None
    window: tuple[int, int]
    weight: float
    replicates: list[int]
    ids: list[str]


def changes(study: Study, retrains: Sequence[Retrain], row: int) -> tuple[list[Change], int]:
    """The arms that removed or duplicated the row, and how many retrains with a window around it there are."""
    found: dict[tuple[str, str | None, tuple[int, int], float], Change] = {}
    step = int(study.step_of(np.array([row]))[0])
    around = 0
    for one in retrains if study.facts.in_order else ():
        spec = one.manifest.spec
        of_study = spec["study"] == study.manifest.identity
        if one.label == BASELINE or not of_study or not spec["from"] <= step < spec["to"]:
            continue
        around += 1
        weight = _weight(one, row)
        if weight is None:
            continue
        window = (int(spec["from"]), int(spec["to"]))
        key = (one.label, one.attribution, window, weight)
        change = found.setdefault(key, Change(*key, [], []))
        change.replicates.append(one.replicate)
        change.ids.append(one.id)
    for change in found.values():
        change.replicates.sort()
    return sorted(
        found.values(), key=lambda change: (change.window, str(change.attribution), change.label)
    ), around


def _weight(one: Retrain, row: int) -> float | None:
    """The row's weight in a retrain that changed it; None where it was left as it is."""
    rows, weights = _changed(one.study, one.manifest.identity, one)
    at = int(np.searchsorted(rows, row))
    return float(weights[at]) if at < len(rows) and rows[at] == row else None


@st.cache_resource(max_entries=256, show_spinner=False)
def _changed(study: str, identity: str, _retrain: Retrain) -> tuple[np.ndarray, np.ndarray]:
    table = _retrain.changed_rows().sort_values("row")
    return table["row"].to_numpy(np.int64), table["weight"].to_numpy(np.float32)


@st.cache_data(max_entries=2000, show_spinner=False)
def _at_steps(study: str, identity: str, row: int, _attribution: Attribution) -> list[float]:
    steps = _attribution.steps
    columns = ["score"] if len(steps) == 1 else [f"score_at_{step}" for step in steps]
    table = read_parquet(_attribution.folder / SCORES, columns=["row", *columns])
    line = table[table["row"] == row].iloc[0]
    return [float(line[column]) for column in columns]
