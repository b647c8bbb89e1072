"""The births of a study's heads, kept in memory: three scores of some hundred heads take a third of a second."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mda.evidence.births import births
from mda.ui.frame.cached import head_table
from mda.workflows.head_scores import HEAD_TABLE, heads_folder


def born_heads(study: str) -> pd.DataFrame:
    """The table of `evidence.births` of a study; a shared frame: never write into it."""
    path = heads_folder(study) / HEAD_TABLE
    return _born(study, path.stat().st_mtime_ns if path.exists() else 0)


@st.cache_resource(max_entries=64, show_spinner=False)
def _born(study: str, changed: int) -> pd.DataFrame:
    return births(head_table(study))
