"""Which attribution a page is about: one of the chosen head and probe."""

from __future__ import annotations

import streamlit as st

from mda.studies.attributions import Attribution
from mda.ui.frame.cached import attributions
from mda.ui.frame.choices import choose
from mda.ui.frame.links import page_link
from mda.ui.frame.selection import View
from mda.ui.frame.words import plain


def choose_attribution(view: View, page: str) -> Attribution | None:
    """A select box over the attributions of the view's head and probe, newest first; None where there is none.

    page: the script that links to the others open.
    """
    everything = attributions(view.study.name)
    fitting = [one for one in everything if _fits(one, view)]
    others = [one for one in everything if one not in fitting]
    if not fitting:
        st.info(f"No attribution asks about {view.head} with the probe {plain(view.probe)} yet.")
    else:
        ids = [one.id for one in fitting]
        chosen = choose("Attribution", ids, ids[0], "attribution", "attribution")
    if others:
        with st.popover(f"{len(others)} of other heads or probes", type="tertiary"):
            for one in others:
                heads = one.manifest.spec["heads"]
                page_link(page, one.title, head=heads[0], probe=one.manifest.spec["probe"], attribution=one.id)
    if not fitting:
        return None
    found = next(one for one in fitting if one.id == chosen)
    st.caption(plain(found.title))
    return found


def _fits(one: Attribution, view: View) -> bool:
    spec = one.manifest.spec
    return str(view.head) in spec["heads"] and spec["probe"] == view.probe
