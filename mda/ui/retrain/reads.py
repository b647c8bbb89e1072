"""Tables of retrains, kept in memory: a retrain never changes, so its identity is the key."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from mda.evidence.compare import summarise
from mda.studies.retrains import Retrain
from mda.ui.retrain.experiments import arm_key
from mda.workflows.compare import compare_schedules


def comparison(arms: Sequence[Retrain], available: Sequence[Retrain]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of arms against their baselines: a line a run, and a line an arm with intervals (see
    `mda.evidence.compare`).

    Arms are named by `arm_key`; those without a baseline are left out.
    """
    return _comparison(_identities([*arms, *available]), arms, available)


def head_curves(runs: Sequence[Retrain]) -> pd.DataFrame:
    """Columns arm (`arm_key`), replicate, step, head and the head scores."""
    return _curves(_identities(runs), "heads", runs)


def run_curves(one: Retrain) -> pd.DataFrame:
    """`head_curves` of a single retrain."""
    return _run(one.manifest.identity, "heads", one)


def model_curves(runs: Sequence[Retrain]) -> pd.DataFrame:
    """Columns arm (`arm_key`), replicate, step, loss and the model's scores."""
    return _curves(_identities(runs), "model", runs)


def changed_rows(one: Retrain) -> pd.DataFrame:
    """Columns row, step, weight."""
    return _changed_rows(one.manifest.identity, one)


def drawn(key: tuple[Hashable, ...], make: Callable[[], go.Figure]) -> go.Figure:
    """A figure, drawn once for everything that `key` names; shared, so nobody changes it."""
    return _drawn(key, make)


def _identities(runs: Sequence[Retrain]) -> tuple[str, ...]:
    return tuple(one.manifest.identity for one in runs)


@st.cache_resource(max_entries=64, show_spinner=False)
def _drawn(key: tuple[Hashable, ...], _make: Callable[[], go.Figure]) -> go.Figure:
    return _make()


@st.cache_resource(max_entries=16, show_spinner=False)
def _comparison(
    key: tuple[str, ...], _arms: Sequence[Retrain], _available: Sequence[Retrain]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    runs, _ = compare_schedules(_arms, _available, arm_key)
    return runs, runs if runs.empty else summarise(runs)


@st.cache_resource(max_entries=16, show_spinner=False)
def _curves(key: tuple[str, ...], which: str, _runs: Sequence[Retrain]) -> pd.DataFrame:
    return pd.concat([_run(one.manifest.identity, which, one) for one in _runs], ignore_index=True)


@st.cache_resource(max_entries=256, show_spinner=False)
def _run(key: str, which: str, _one: Retrain) -> pd.DataFrame:
    table = _one.metrics() if which == "heads" else _one.model_metrics()
    return table.assign(arm=arm_key(_one), replicate=_one.replicate)


@st.cache_resource(max_entries=64, show_spinner=False)
def _changed_rows(key: str, _one: Retrain) -> pd.DataFrame:
    return _one.changed_rows()
