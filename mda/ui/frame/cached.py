"""Reads that pages share, kept in memory while what they read is unchanged.

Keys are names and modification times, never the data: keys of large tables are sampled, and equal samples would
collide. What is kept is shared by all sessions, so nobody writes into it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from mda.errors import UserError
from mda.evidence.births import births
from mda.store.paths import study_folder
from mda.studies.attributions import Attribution, list_attributions
from mda.studies.retrains import Retrain, list_retrains
from mda.studies.study import Study
from mda.workflows import head_scores as stored


def head_table(study: str) -> pd.DataFrame:
    """Columns step, layer, head and the head scores; empty before any was computed."""
    return _table(study, "head", _changed(stored.heads_folder(study) / stored.HEAD_TABLE))


def model_table(study: str) -> pd.DataFrame:
    """Columns step and the model-level scores; empty before any was computed."""
    return _table(study, "model", _changed(stored.heads_folder(study) / stored.MODEL_TABLE))


def born_heads(study: str) -> pd.DataFrame:
    """The table of `evidence.births` of a study. Three scores of some hundred heads take a third of a second."""
    return _born(study, _changed(stored.heads_folder(study) / stored.HEAD_TABLE))


def attributions(study: str) -> list[Attribution]:
    """The study's whole attributions, newest first."""
    return _attributions(study, _changed(study_folder(study) / "attributions"))


def retrains(study: str) -> list[Retrain]:
    """The study's whole retrains, newest first."""
    return _retrains(study, _changed(study_folder(study) / "retrains"))


def scores(attribution: Attribution) -> pd.DataFrame:
    """The attribution's table of scores by row, with `kind` (where rows carry one) and `repeated` (share).

    Raises UserError where the study lacks its rows.
    """
    stop, rows = attribution.rows[1], Study.open(attribution.study).facts.rows
    if stop > rows:
        raise UserError(
            f"This attribution scored rows up to {stop:,}, and the study has {rows:,} now; make it again."
        )
    return _scores(attribution.study, attribution.manifest.identity, attribution)


def _changed(path: Path) -> tuple[str, int]:
    """A file or folder and when it changed last; a folder changes when an artefact comes or goes."""
    try:
        return str(path), path.stat().st_mtime_ns
    except OSError:
        return str(path), 0


@st.cache_resource(max_entries=16, show_spinner=False)
def _table(study: str, which: str, changed: tuple[str, int]) -> pd.DataFrame:
    return stored.head_table(study) if which == "head" else stored.model_table(study)


@st.cache_resource(max_entries=64, show_spinner=False)
def _born(study: str, changed: tuple[str, int]) -> pd.DataFrame:
    return births(head_table(study))


@st.cache_resource(max_entries=16, show_spinner=False)
def _attributions(study: str, changed: tuple[str, int]) -> list[Attribution]:
    return list_attributions(study)


@st.cache_resource(max_entries=16, show_spinner=False)
def _retrains(study: str, changed: tuple[str, int]) -> list[Retrain]:
    return list_retrains(study)


@st.cache_resource(max_entries=4, show_spinner="Reading scores and measuring repetition of rows …")
def _scores(study: str, identity: str, _attribution: Attribution) -> pd.DataFrame:
    opened = Study.open(study)
    frame = _attribution.scores().sort_values("row", ignore_index=True)
    rows, kinds = frame["row"].to_numpy(), opened.kinds
    if "repeated" not in frame:  # made by an earlier version
        frame["repeated"] = opened.shares(rows)
    if kinds is None:
        return frame.drop(columns="kind", errors="ignore")
    if "kind" in frame:
        kept = frame["kind"].astype("category")
        frame["kind"] = kept.cat.set_categories(
            [*kinds, *(kind for kind in kept.cat.categories if kind not in kinds)]
        )
    elif (codes := opened.kind_codes(rows)) is not None:
        frame["kind"] = pd.Categorical.from_codes(codes.astype(np.int64), pd.Index(kinds))
    return frame
