"""Which row the page shows: a number that lives in the URL, with ways to its neighbours in training and rank."""

from __future__ import annotations

import math

import streamlit as st

from mda.ui.frame.choices import keep, settle
from mda.ui.row.ranking import Place

_KEY = "row"


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


def row_controls(row: int, rows: int) -> None:
    """The number of the row, and buttons to the rows before and after it in training."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.number_input(
            "Row", 0, rows - 1, step=1, key=_KEY, width=150,
            help=f"Rows are numbered in the order of training, from 0 to {rows - 1:,}.",
        )  # fmt: skip
        keep(_KEY, row)
        before, after = row - 1 if row > 0 else None, row + 1 if row < rows - 1 else None
        _go("Previous", ":material/chevron_left:", before, "The row before it in training.")
        _go("Next", ":material/chevron_right:", after, "The row after it in training.")


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
