"""Which attribution a page is about: one of the chosen head and probe."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from mda.studies.attributions import Attribution
from mda.ui.frame.cached import attributions
from mda.ui.frame.choices import choose
from mda.ui.frame.selection import View, put
from mda.ui.words.plain import plain

_HELP = (
    "An attribution is one score for every training row of a range: how far training on it pushes what the probe "
    "measures. Listed are those of the head and probe chosen at the side, newest first."
)

_FEW = 5  # others that are listed at once where none fits


def choose_attribution(view: View) -> Attribution | None:
    """A select box over the attributions of the view's head and probe, newest first; None where there is none."""
    everything = attributions(view.study.name)
    if not everything:
        st.info("This study has no attribution yet: no training row has a score.")
        return None
    fitting = [one for one in everything if _fits(one, view)]
    others = [one for one in everything if one not in fitting]
    with st.container():
        with st.container(horizontal=True, vertical_alignment="bottom"):
            if fitting:
                titles = _titles(fitting)
                chosen = choose(
                    "Attribution", list(titles), fitting[0].id, "attribution", "attribution",
                    format_func=lambda one: titles[one], help=_HELP,
                )  # fmt: skip
            else:
                st.info(f"No attribution asks about {view.head} with the probe {plain(_words(view.probe))} yet.")
            if others and (fitting or len(others) > _FEW):
                with st.popover(f"{len(others)} other{'s' * (len(others) > 1)}", help="Of other heads or probes."):
                    _offer(others)
        if not fitting and len(others) <= _FEW:
            st.caption("What there is:")
            _offer(others)
    return next(one for one in fitting if one.id == chosen) if fitting else None


def _offer(others: list[Attribution]) -> None:
    """Buttons that show them, with their head and probe: a link to the open page leaves its old address."""
    with st.container(gap="xsmall"):
        for one in others:
            asked = {
                "head": one.manifest.spec["heads"][0],
                "probe": one.manifest.spec["probe"],
                "attribution": one.id,
            }
            st.button(plain(one.title), key=f"show-{one.id}", type="tertiary", on_click=put, kwargs=asked)


def _fits(one: Attribution, view: View) -> bool:
    spec = one.manifest.spec
    return str(view.head) in spec["heads"] and spec["probe"] == view.probe


def _titles(fitting: list[Attribution]) -> dict[str, str]:
    """The titles by id; those that differ only in settings such as a seed get the end of their id."""
    times = Counter(one.title for one in fitting)
    return {one.id: one.title if times[one.title] == 1 else f"{one.title} · {one.id[-8:]}" for one in fitting}


def _words(probe: str) -> str:
    return probe.replace("_", " ")
