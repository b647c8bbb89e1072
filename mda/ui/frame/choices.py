"""Choices that live in the URL, so that any view is a link, and that move along from page to page."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from mda.ui.frame.words import plain

_CARRIED = "carried:"  # session state under this prefix survives a change of page; a widget's own does not
_UNKNOWN = "unknown:"  # what the URL asked for in vain, and what is shown instead


def choose(
    label: str,
    options: Sequence[str],
    default: str,
    key: str,
    what: str,
    *,
    format_func: Callable[[str], str] = str,
    help: str | None = None,
) -> str:
    """A select box bound to the URL parameter `key`; an unknown value there is told and its nearest offered.

    The URL holds what `format_func` makes of the option, and nothing for the default: let that be one that stays
    the same, or links change their meaning.
    """
    _prepare(key, list(options), default, what, format_func)
    chosen = st.selectbox(
        label,
        options,
        options.index(default),
        key=key,
        format_func=format_func,
        help=help,
        bind="query-params",
    )
    value = chosen if chosen is not None and chosen in options else default
    st.session_state[_CARRIED + key] = value
    return value


def choose_step(label: str, steps: Sequence[int], key: str = "step", help: str | None = None) -> int:
    """A slider over steps, bound to the URL; no parameter means the last step."""
    if len(steps) == 1:
        st.caption(f"{label}: {steps[0]:,}, the only one")
        return steps[0]
    _prepare(key, list(steps), steps[-1], "scored step", str)
    value = st.select_slider(label, list(steps), value=steps[-1], key=key, help=help, bind="query-params")
    chosen = value if value in steps else steps[-1]
    st.session_state[_CARRIED + key] = chosen
    return int(chosen)


def carried(key: str) -> Any:
    """What was last chosen under this key on any page of the session; None before."""
    return st.session_state.get(_CARRIED + key)


def _prepare(key: str, options: list[Any], default: Any, what: str, format_func: Callable[[Any], str]) -> None:
    """Put a valid value into the session's state before the widget is made; say so where the URL had none."""
    asked = st.query_params.get(key)
    now = st.session_state.get(key)
    if now not in options:
        st.session_state.pop(key, None)
        if asked is None:
            if carried(key) in options:
                st.session_state[key] = carried(key)
        elif asked not in map(format_func, options):
            st.session_state[key] = near = nearest(asked, options, default, format_func)
            st.session_state[_UNKNOWN + key] = (asked[:80], near)
    elif now != default and asked != format_func(now):
        st.session_state[key] = (
            now  # an assignment makes Streamlit write the URL, though not yet in a widget's first run
        )
    told = st.session_state.get(_UNKNOWN + key)
    if told and told[1] == st.session_state.get(key):  # until something else is chosen
        st.warning(f"There is no {what} '{plain(told[0])}' here; the nearest is {plain(format_func(told[1]))}.")


def nearest(asked: str, options: Sequence[Any], default: Any, format_func: Callable[[Any], str] = str) -> Any:
    """The option nearest to what was asked: by number or by spelling; the default where nothing is near."""
    if all(isinstance(option, int) for option in options):
        try:
            return min(options, key=lambda option: abs(option - int(asked)))
        except ValueError:
            return default
    named = {format_func(option): option for option in options}
    close = difflib.get_close_matches(asked, list(named), n=1, cutoff=0.5)
    return named[close[0]] if close else default
