"""Which row the page shows: a number that lives in the URL, with ways to its neighbours in training and rank."""

from __future__ import annotations

import math

import streamlit as st

from mda.studies.study import Study
from mda.ui.frame.choices import keep, settle
from mda.ui.row.ranking import Place
from mda.ui.words.rows import numbering, trained_at

_KEY, _STEP = "row", "row-step"


def settle_row(rows: int, default: int) -> int:
    """The row asked for, of `rows`; the nearest one is taken, and told, where there is none of that number.

    `row_controls` goes after it.
    """

    def near(asked: str) -> int:
        return nearest_row(asked, rows, default)

    def parse(asked: str) -> int | None:
        return near(asked) if _number(asked) == near(asked) else None

    settle(_KEY, default, parse, "row", near, range(rows))
    return int(st.session_state[_KEY])


def nearest_row(asked: str, rows: int, default: int) -> int:
    """The row of that number, or the nearest to it; the default where it is no number."""
    number = _number(asked)
    return default if number is None else int(min(max(number, 0), rows - 1))


def row_controls(study: Study, row: int) -> None:
    """The number of the row, the step that it belongs to, and buttons to the rows before and after it."""
    rows, order = study.facts.rows, " in training" if study.facts.in_order else ""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        st.number_input(
            "Row", 0, rows - 1, step=1, key=_KEY, width=150,
            help=numbering(study),
        )  # fmt: skip
        keep(_KEY, row)
        _step_control(study, row)
        before, after = row - 1 if row > 0 else None, row + 1 if row < rows - 1 else None
        _go("Previous", ":material/chevron_left:", before, f"The row before it{order}.")
        _go("Next", ":material/chevron_right:", after, f"The row after it{order}.")


def _step_control(study: Study, row: int) -> None:
    """The step at which the row is trained on; another one leads to its first row."""
    step = trained_at(study, row)
    if step is None:
        return
    size = study.facts.batch_size
    st.session_state[_STEP] = step
    st.number_input(
        "Its step", 0, trained_at(study, study.facts.trained - 1), step=1, key=_STEP, width=130,
        on_change=lambda: _put(int(st.session_state[_STEP]) * size),
        help=f"The step at which it is trained on; rows {step * size:,} to {(step + 1) * size - 1:,} are. Another "
        "step leads to its first row.",
    )  # fmt: skip


def rank_controls(place: Place) -> None:
    """Buttons to the rows one rank up and down."""
    _go("Rank up", ":material/arrow_upward:", place.above, "The next row that promotes more, or suppresses less.")
    _go("Rank down", ":material/arrow_downward:", place.below, "The next row that promotes less.")


def _go(label: str, icon: str, row: int | None, help: str) -> None:
    st.button(label, icon=icon, on_click=_put, args=(row,), disabled=row is None, help=help, key=f"go-{label}")


def _put(row: int) -> None:
    st.session_state[_KEY] = row


def _number(asked: str) -> float | None:
    try:
        number = float(asked[:40])
    except ValueError:
        return None
    return None if math.isnan(number) else number
