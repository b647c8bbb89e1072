"""Rows picked by hand: kept in the URL while the list is filtered and paged through, and sent to a retrain."""

from __future__ import annotations

import re

import streamlit as st

from mda.studies.attributions import Attribution
from mda.studies.study import Study
from mda.ui.frame.choices import keep, settle
from mda.ui.frame.links import RETRAIN, page_link

MOST = 200
_STUDY = "picked-of"
_TOLD = 12  # numbers that the bar names


def picked_rows(study: Study) -> list[int]:
    """The rows of this study picked so far, ascending."""
    if st.session_state.setdefault(_STUDY, study.name) != study.name:
        st.session_state["picked"] = ""  # their numbers mean other rows here
    st.session_state[_STUDY] = study.name
    settle("picked", "", lambda text: _checked(text, study.facts.rows), "list of rows")
    rows = parse_rows(str(st.session_state["picked"]), study.facts.rows)
    keep("picked", _text(rows))
    st.session_state["picked"] = _text(rows)
    return rows


def picked_bar(rows: list[int], attribution: Attribution) -> None:
    """What is picked, and what can be done with it; nothing where none is."""
    if not rows:
        return
    named = ", ".join(f"{row:,}" for row in rows[:_TOLD]) + (" …" if len(rows) > _TOLD else "")
    full = f" (no more than {MOST} can be)" if len(rows) == MOST else ""
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(f"**{len(rows)} row{'s' * (len(rows) > 1)} picked**{full}: {named}", width="content")
        page_link(
            RETRAIN,
            "Retrain without these rows",
            ":material/science:",
            picked=_text(rows),
            attribution=attribution.id,
        )
        st.button("Clear", on_click=_clear, type="tertiary", icon=":material/close:", help="Picks none of them.")


def pick_box(row: int, rows: list[int]) -> None:
    """The box that picks one row."""
    key = f"pick-{row}"
    st.session_state[key] = row in rows
    st.checkbox(
        f"Pick row {row}", key=key, label_visibility="collapsed", on_change=_toggle, args=(row,), width="content",
        disabled=len(rows) >= MOST and row not in rows,
    )  # fmt: skip


def parse_rows(text: str, rows: int) -> list[int]:
    """The numbers below `rows` in `12,40,100:120`, ascending, MOST at the most; anything else is left out."""
    found: set[int] = set()
    for part in re.findall(r"(?<![\w:])([0-9]{1,12})(?::([0-9]{1,12}))?(?![\w:])", text[:10_000]):
        start = int(part[0])
        stop = int(part[1]) if part[1] else start + 1
        found.update(range(start, min(stop, rows, start + MOST)))
    return sorted(found)[:MOST]


def _checked(text: str, rows: int) -> str | None:
    """The text in order; None where nothing in it is a row."""
    return _text(parse_rows(text, rows)) or None


def _text(rows: list[int]) -> str:
    return ",".join(map(str, rows))


def _toggle(row: int) -> None:
    rows = set(map(int, filter(None, st.session_state["picked"].split(","))))
    st.session_state["picked"] = _text(sorted(rows ^ {row}))


def _clear() -> None:
    st.session_state["picked"] = ""
