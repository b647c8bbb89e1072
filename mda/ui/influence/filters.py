"""The controls that say which rows of an attribution are shown, and how; all of them live in the URL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd
import streamlit as st

from mda.studies.attributions import Attribution
from mda.studies.study import Study
from mda.ui.frame.choices import keep, nearest, parse_option, settle, switch
from mda.ui.influence.query import SORTS, RowQuery
from mda.ui.influence.search import LONGEST, Search, has_text, rows_holding, runs_of
from mda.ui.words.rows import NO_ORDER, kinds_note

FILTERS: dict[str, Any] = {"find": "", "from": None, "to": None, "kinds": [], "repeated": (0, 100)}
"""The filters by their name in the URL, and what they are where nothing is filtered."""

_HIDDEN = ("from", "to", "kinds", "repeated")  # unless somebody wants to see them

DEFAULT_SHARE, LEAST_SHARE, LARGEST_SHARE = 10.0, 0.1, 50.0  # percent


class Shown(NamedTuple):
    """What the controls say: the query, the rows that hold the searched text (None without one), how many were
    not searched and its words that no row can hold, order, layers."""

    query: RowQuery
    holding: np.ndarray | None
    unseen: int
    unknown: list[str]
    sort: str
    spans: bool
    tokens: bool


def share_control() -> float:
    """How much of all rows counts as top, and as bottom: in (0, 0.5]."""
    settle("share", DEFAULT_SHARE, parse_share, "share of the rows from 0.1 to 50 %")
    value = st.number_input(
        "Top and bottom (%)", LEAST_SHARE, LARGEST_SHARE, step=1.0, format="%g", key="share", on_change=first_page,
        width=150,
        help="How much of the ranking counts as top, and as much as bottom: the rows that are listed and compared "
        "here, and that a retrain with this share would change.",
    )  # fmt: skip
    return keep("share", float(value), f"{value:g}") / 100


def filter_bar(study: Study, attribution: Attribution, ranking: pd.DataFrame, share: float) -> Shown:
    """Draw the controls and read them."""
    _settle_filters(ranking)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        search, unknown = _search(study, attribution)
        sort = _order(ranking)
        filtering = _filtering()
        spans = switch("Repeated spans", True, "spans", "Underlines runs of tokens that come again in their row.")
        tokens = switch(
            "Token influence", False, "tokens",
            "Colours every token by its part of the row's score. Loads the checkpoints of the attribution, and "
            "takes a moment a row the first time.",
        )  # fmt: skip
    query = RowQuery(share)
    if filtering:
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            query = RowQuery(share, *_steps(ranking), _kinds(study, ranking), _repeated())
        if "step" not in ranking:
            st.caption(f"{NO_ORDER} So there is no filter by step.")
    holding, unseen = (None, 0) if search is None else search
    return Shown(query, holding, unseen, unknown, sort, spans, tokens)


def filters_set() -> int:
    """How many filters are set."""
    return sum(st.session_state.get(key, unset) != unset for key, unset in FILTERS.items())


def clear_filters() -> None:
    """Take every filter back; a button's callback."""
    for key, unset in FILTERS.items():
        st.session_state[key] = unset
    first_page()


def _clear_hidden() -> None:
    for key in _HIDDEN:
        st.session_state[key] = FILTERS[key]
    first_page()


def first_page() -> None:
    """Back to the first page, as the list changes; a widget's callback."""
    st.session_state["page"] = 1


def show_all() -> None:
    """Let top and bottom be all rows; a button's callback."""
    st.session_state["share"] = LARGEST_SHARE
    first_page()


def parse_share(text: str) -> float | None:
    """A share in percent, if it is one that can be asked for."""
    try:
        value = float(text[:20])
    except ValueError:
        return None
    return value if LEAST_SHARE <= value <= LARGEST_SHARE else None


def parse_step(text: str) -> int | None:
    """A training step; whether rows have it is asked later."""
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else None


def parse_repeated(text: str) -> tuple[int, int] | None:
    """`20-80`, percent."""
    match = re.fullmatch(r"([0-9]{1,3})-([0-9]{1,3})", text)
    if match is None or not int(match[1]) <= int(match[2]) <= 100:
        return None
    return int(match[1]), int(match[2])


def parse_kinds(text: str, known: Sequence[str]) -> list[str] | None:
    """Kinds that there are, separated by commas, each percent-encoded (a name may hold anything)."""
    asked = [unquote(part) for part in text.split(",")]
    return list(dict.fromkeys(asked)) if set(asked) <= set(known) else None


def kinds_text(kinds: Sequence[str]) -> str:
    """What `parse_kinds` reads."""
    return ",".join(quote(kind, safe=" ") for kind in kinds)


def _settle_filters(ranking: pd.DataFrame) -> None:
    """Give every filter its value before any is drawn, within what this attribution has."""
    state = st.session_state
    low, high = (int(ranking["step"].min()), int(ranking["step"].max())) if "step" in ranking else (0, -1)
    settle("find", "", lambda text: text[:LONGEST], "text")
    settle("from", None, parse_step, "first step")
    if state["from"] is not None:
        state["from"] = min(state["from"], high) if low < state["from"] and low <= high else None
    settle("to", None, parse_step, "last step")
    if state["to"] is not None:
        state["to"] = max(state["to"], low) if state["to"] < high else None  # never, where rows have no step
    known = list(ranking["kind"].cat.categories) if "kind" in ranking else []
    none: list[str] = []
    settle(
        "kinds", none, lambda text: parse_kinds(text, known), "kind of row",
        lambda asked: [kind for kind in known if kind in map(unquote, asked.split(","))],
    )  # fmt: skip
    state["kinds"] = [kind for kind in state["kinds"] if kind in known]
    settle("repeated", (0, 100), parse_repeated, "range of the repeated share")
    for key in _HIDDEN:
        if state[key] == FILTERS[key]:
            keep(key, state[key], "")  # its widget may not be drawn


def _search(study: Study, attribution: Attribution) -> tuple[Search | None, list[str]]:
    """The rows that hold what is typed (None where nothing is), and the words that no row can hold."""
    words = has_text(study)
    text = st.text_input(
        "Find in the text" if words else "Find token ids", key="find", max_chars=LONGEST, on_change=first_page,
        width=220, icon=":material/search:",
        help="Finds runs of whole tokens: what is typed is cut into tokens, as it stands and after a space, and "
        "looked for in every scored row. Parts of tokens are not found."
        if words
        else "This study has no tokenizer. Give the ids of a run of tokens, such as 12 40 7.",
    )  # fmt: skip
    keep("find", text, text.strip())
    sought = runs_of(study, text)
    if not sought.runs and not sought.unknown:
        return None, []
    return rows_holding(study, attribution, sought.runs), sought.unknown


def _filtering() -> bool:
    """Whether the filters are shown: where one is set, or somebody wants to set one."""
    if any(st.session_state[key] != FILTERS[key] for key in _HIDDEN):
        st.session_state["filtering"] = True
    return st.toggle(
        "Filters", key="filtering", on_change=_clear_hidden,
        help="By training step, kind of text, and repeated share. Switching it off takes them back.",
    )  # fmt: skip


def _steps(ranking: pd.DataFrame) -> tuple[int | None, int | None]:
    if "step" not in ranking:
        return None, None
    low, high = int(ranking["step"].min()), int(ranking["step"].max())
    found = []
    for key, label, end in (("from", "From step", low), ("to", "To step", high)):
        value = st.number_input(
            label, low, high, None, key=key, on_change=first_page, placeholder=f"{end:,}", width=140,
            help="The step at which a row was trained on.",
        )  # fmt: skip
        found.append(keep(key, value, "" if value is None else str(value)))
    return found[0], found[1]


def _kinds(study: Study, ranking: pd.DataFrame) -> tuple[str, ...]:
    if "kind" not in ranking:
        return ()
    kinds = st.pills(
        "Kinds of text", list(ranking["kind"].cat.categories), selection_mode="multi", key="kinds",
        on_change=first_page, help=f"None chosen: all of them. {kinds_note(study) or ''}",
    )  # fmt: skip
    return tuple(keep("kinds", kinds, kinds_text(kinds)))


def _repeated() -> tuple[float, float]:
    value: Any = st.slider(
        "Repeated share of a row (%)", 0, 100, key="repeated", on_change=first_page, width=240,
        help="How much of a row lies in runs of three tokens or more that occurred earlier in it: what copying "
        "could predict.",
    )  # fmt: skip
    low, high = value
    keep("repeated", (low, high), "" if (low, high) == (0, 100) else f"{low}-{high}")
    return low / 100, high / 100


def _order(ranking: pd.DataFrame) -> str:
    orders = [order for order in SORTS if order != "step" or "step" in ranking]
    settle("sort", "score", parse_option(orders), "order", lambda a: nearest(a, orders, "score"), orders)
    order = st.selectbox(
        "Order", orders, key="sort", format_func=SORTS.__getitem__, on_change=first_page, width=170,
        help="Of the rows at the two ends. By score: each end from its strongest. By strength: both ends in one "
        "ranking of |score|, every row in its column. By training step: the earliest first. By repeated share: "
        "the most repeated first.",
    )  # fmt: skip
    return keep("sort", order)
