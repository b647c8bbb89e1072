"""Attention of a study's heads on a sequence: computed once, kept in bytes, shared by all sessions.

The study's identity, the step, the head and a digest of the token ids are the key: whatever changes the numbers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import streamlit as st

from mda.heads.geometry import Head
from mda.heads.one_head import head_pattern, small_patterns
from mda.store.identity import array_digest
from mda.studies.study import Study
from mda.ui.attention.thumbnails import picture_bytes
from mda.ui.attention.viewer import pattern_bytes
from mda.ui.frame.models import model

_PATIENCE = 0.3  # seconds before progress is shown, so that what is kept appears without a flicker


def patterns_at(study: Study, head: Head, steps: Sequence[int], ids: np.ndarray) -> list[bytes]:
    """The head's pattern on token ids [T] at each step, as the viewer takes it; shows progress where it waits."""
    started = time.monotonic()
    progress = st.empty()
    found = []
    for number, step in enumerate(steps):
        if time.monotonic() - started > _PATIENCE:
            progress.progress(
                number / len(steps), f"Reading {head} at step {step:,}: {number} of {len(steps)} checkpoints"
            )
        found.append(_pattern(*_key(study, step, ids), str(head), study, ids))
    progress.empty()
    return found


def pictures_at(study: Study, step: int, ids: np.ndarray) -> np.ndarray:
    """Small pictures of all heads on token ids [T] at a step, as the thumbnails take them."""
    return _pictures(*_key(study, step, ids), study, ids)


def _key(study: Study, step: int, ids: np.ndarray) -> tuple[str, int, str]:
    return study.manifest.identity, step, array_digest(np.ascontiguousarray(ids, np.int64))


@st.cache_data(max_entries=1024, show_spinner=False)  # of at most 51 kB
def _pattern(identity: str, step: int, digest: str, head: str, _study: Study, _ids: np.ndarray) -> bytes:
    with model(_study, step) as loaded:
        return pattern_bytes(head_pattern(loaded, Head.parse(head), _ids))


@st.cache_data(max_entries=32, show_spinner="Looking through all heads …")  # 2 kB a head
def _pictures(identity: str, step: int, digest: str, _study: Study, _ids: np.ndarray) -> np.ndarray:
    with model(_study, step) as loaded:
        return picture_bytes(small_patterns(loaded, _ids))
