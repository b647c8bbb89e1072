"""Choices that live in the URL, so that any view is a link, and that move along from page to page.

Streamlit can bind a widget to the URL by itself, but such a widget ignores the parameters of a link from one page
to another, and leaves its default out, which changes the meaning of old links when later results change the
default. So here every choice is always named in the URL, and the URL is read again whenever it changed by itself:
by a link, or by the browser's Back.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

from mda.ui.words.plain import plain

T = TypeVar("T")

_STATE = "choices"
_LONGEST_TOLD = 80  # letters of an unknown value
_MOST_SLID = 60  # steps that a slider as wide as the sidebar can tell apart


@dataclass
class _State:
    """What the session knows of its choices, by key."""

    page: str = ""
    arrived: bool = False  # whether this run is the first of its page
    follow: bool = False  # whether the URL counts more than the widgets: none was touched since the last run
    carried: dict[str, Any] = field(default_factory=dict)  # last value on any page; a widget's own is dropped
    written: dict[str, str] = field(default_factory=dict)  # what the URL said when it was last in step
    unknown: dict[str, tuple[str, Any]] = field(default_factory=dict)  # asked for in vain, and shown instead


def enter(page: str) -> None:
    """Begin a run of a page. Call before any choice is made."""
    state = _state()
    touched = any(key in st.session_state and st.session_state[key] != was for key, was in state.carried.items())
    state.arrived = state.page != page
    state.follow = state.arrived or not touched
    state.page = page


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
    """A select box whose option is the URL parameter `key`; an unknown one is told and the nearest shown.

    what: names the thing in that sentence.
    """
    settle(key, default, parse_option(options), what, lambda asked: nearest(asked, options, default), options)
    return keep(key, st.selectbox(label, options, key=key, format_func=format_func, help=help))


def choose_step(
    label: str, steps: Sequence[int], help: str | None = None, format_func: Callable[[int], str] = "{:,}".format
) -> int:
    """A slider over steps, `step` in the URL; begins with the last. Of very many steps a box to type into, which
    names them by `format_func`, and buttons to the neighbours."""
    if len(steps) == 1:
        st.caption(f"{label}: {steps[0]:,}, the only one")
        return keep("step", steps[0])
    last = steps[-1]
    settle("step", last, parse_option(steps), "checkpoint at step", lambda a: nearest(a, steps, last), steps)
    if len(steps) <= _MOST_SLID:
        return int(keep("step", st.select_slider(label, steps, key="step", help=help)))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        step = int(keep("step", st.selectbox(label, steps, key="step", format_func=format_func, help=help)))
        at = list(steps).index(step)
        for way, what, to in (("left", "before", at - 1), ("right", "after", at + 1)):
            st.button(
                f":material/chevron_{way}:", key=f"step-{what}", type="tertiary", help=f"The step {what} it.",
                disabled=not 0 <= to < len(steps), on_click=_put_step, args=(steps[to % len(steps)],),
            )  # fmt: skip
    return step


def _put_step(step: int) -> None:
    st.session_state["step"] = step


def switch(label: str, default: bool, key: str, help: str | None = None) -> bool:
    """A toggle; the URL says `yes` or `no` where it is not as by default."""
    settle(key, default, {"yes": True, "no": False}.get, f"setting of '{key}'", options=(True, False))
    value = st.toggle(label, key=key, help=help)
    return keep(key, value, "" if value == default else "yes" if value else "no")


def settle(
    key: str,
    default: T,
    parse: Callable[[str], T | None],
    what: str,
    near: Callable[[str], T] | None = None,
    options: Sequence[T] | None = None,
) -> None:
    """Give a widget its value before it is made; `keep` goes after it.

    What the widget has wins unless the URL changed by itself, then what was chosen on another page, then the
    default. parse: the value that a parameter means, None for one that means nothing here: this is told, and
    `near` (by default the default) shown instead. options: the values there are, if not all.
    """
    state, asked = _state(), st.query_params.get(key)
    now, before = st.session_state.get(key), state.carried.get(key)
    known = key in st.session_state and (options is None or now in options)
    if known and not (state.follow and asked is not None and asked != state.written.get(key)):
        value = now
    elif asked is not None and (key not in st.session_state or state.follow):
        value = parse(asked[:10_000])
        if value is None:
            value = near(asked[:_LONGEST_TOLD]) if near else default
            state.unknown[key] = (asked[:_LONGEST_TOLD], value)
    else:
        value = before if before is not None and (options is None or before in options) else default
    st.session_state[key] = value
    if (told := state.unknown.get(key)) is not None:  # until something else is chosen
        if told[1] == value:
            st.warning(f"There is no {what} '{plain(told[0])}' here; shown is {plain(value)}.")
        else:
            del state.unknown[key]


def keep(key: str, value: T, text: str | None = None) -> T:
    """Remember a choice for the other pages and write it into the URL (as `text`); returns it.

    An empty text leaves the parameter out. Nothing is written where the browser went back to an address of before
    the choice: writing there would make it impossible to go back further.
    """
    state, text = _state(), str(value) if text is None else text
    there = st.query_params.get(key, "")
    if there != text and (state.arrived or state.written.get(key) != text):
        if text:
            st.query_params[key] = text
        else:
            del st.query_params[key]
    state.carried[key] = value
    state.written[key] = text
    return value


def carried(key: str) -> Any:
    """What was last chosen under this key on any page of the session; None before."""
    return _state().carried.get(key)


def parse_option(options: Sequence[T]) -> Callable[[str], T | None]:
    """Reads one of the options by its text."""
    named = {str(option): option for option in options}
    return named.get


def nearest(asked: str, options: Sequence[T], default: T) -> T:
    """The option nearest to what was asked: by number or by spelling; the default where nothing is near."""
    if all(isinstance(option, int) for option in options):
        try:
            number = int(asked)
        except ValueError:
            return default
        return min(options, key=lambda option: abs(int(str(option)) - number))
    named = {str(option): option for option in options}
    close = difflib.get_close_matches(asked, list(named), n=1, cutoff=0.5)
    return named[close[0]] if close else default


def _state() -> _State:
    if _STATE not in st.session_state:
        st.session_state[_STATE] = _State()
    found: _State = st.session_state[_STATE]
    return found
