"""Rows that are shown as text, brought to this machine in one go; what cannot be had is said in their place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from mda.corpora.rows import RemoteRows
from mda.errors import UserError
from mda.store.paths import read_only
from mda.studies.study import Study
from mda.ui.frame.public import public
from mda.ui.words.plain import plain

_REFUSED = "rows-refused"  # what could not be had, and why, so that not every run of a page tries again
_MOST_REFUSED = 50

NOT_HERE = "This row is not on this machine, so its text cannot be shown."


def bring_rows(study: Study, rows: Sequence[int]) -> set[int]:
    """Fetch those of the rows that are elsewhere, with a spinner; returns those that cannot be had.

    Why not is said in one sentence, with a button that tries again.
    """
    numbers = np.unique(np.asarray(rows, dtype=np.int64))
    absent = numbers[~study.rows_here(numbers)]
    if not len(absent) or not isinstance(study.rows, RemoteRows):
        return set()
    key = (study.manifest.identity, *absent.tolist())
    refused: dict[tuple[object, ...], str] = st.session_state.setdefault(_REFUSED, {})
    if key not in refused:
        try:
            _fetch(study.rows, absent)
            return set()
        except UserError as error:
            if len(refused) >= _MOST_REFUSED:
                refused.clear()
            refused[key] = public(str(error))
    _tell(refused[key], f"try-again-{absent[0]}-{len(absent)}")
    return set(absent[~study.rows_here(absent)].tolist())


def _fetch(source: RemoteRows, absent: np.ndarray) -> None:
    if read_only():
        raise UserError(
            f"{_counted(len(absent))} not on this machine, and a read-only explorer fetches nothing; scores are "
            "shown without text."
        )
    told = "the row" if len(absent) == 1 else f"{len(absent)} rows"
    with st.spinner(f"Fetching {told} from the hub …"):
        source.fetch(absent)


def _tell(sentence: str, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(plain(sentence))
        if not read_only():
            st.button("Try again", key=key, on_click=_forget, icon=":material/refresh:")


def _forget() -> None:
    st.session_state[_REFUSED] = {}


def _counted(rows: int) -> str:
    return "A row that belongs here is" if rows == 1 else f"{rows} rows that belong here are"
