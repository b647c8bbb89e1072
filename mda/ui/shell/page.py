"""What every page begins with: its settings, the sidebar's choices and jobs, and errors told in one sentence."""

from __future__ import annotations

import gc
from collections.abc import Callable

import streamlit as st

from mda.store.paths import read_only
from mda.ui.frame import links, share
from mda.ui.frame.choices import enter
from mda.ui.frame.jobs_panel import sidebar_jobs
from mda.ui.frame.notes import READ_ONLY_NOTE, told
from mda.ui.frame.selection import View, choose_view
from mda.ui.shell.share_box import share_box

PAGES = {
    "Story": (links.STORY, ":material/auto_stories:"),
    "Heads": (links.HEADS, ":material/grid_view:"),
    "Attention": (links.ATTENTION, ":material/visibility:"),
    "Influence": (links.INFLUENCE, ":material/swap_vert:"),
    "Row": (links.ROW, ":material/notes:"),
    "Retrain": (links.RETRAIN, ":material/science:"),
}
_SETTLED: set[str] = set()  # pages that have run in this process


def run_page(title: str, body: Callable[[View], None], without_study: Callable[[], None] | None = None) -> None:
    """Set the page up and draw `body` for what the sidebar chose; a user's mistake becomes one sentence in a box.

    without_study: what to draw while there is no study; by default a pointer to the first page.
    """
    st.set_page_config(page_title=f"{title} · MDA explorer", layout="wide")
    enter(title)
    share.begin()
    with told():
        view, for_share = _sidebar()
        with told():
            if view is not None:
                body(view)
            elif without_study is not None:
                without_study()
            else:
                st.header(title)
                st.info(
                    f"There is no study yet. {'' if read_only() else 'The first page builds the demo by itself.'}"
                )
                links.page_link(links.STORY, "Go to the first page")
        with for_share:
            share_box(view)
    _settle_memory(title)


def _settle_memory(title: str) -> None:
    """Take what a page's first run loaded out of the garbage collector's sight.

    Streamlit collects garbage after every run. With the objects of torch and transformers in sight this takes a
    quarter of a second, more than all the rest of a run; they live as long as the process anyhow.
    """
    if title not in _SETTLED:
        _SETTLED.add(title)
        gc.collect()
        gc.freeze()


def _sidebar() -> tuple[View | None, st.delta_generator.DeltaGenerator]:
    with st.sidebar:
        st.subheader("MDA explorer", help="Which training rows built a mechanism inside a language model?")
        pages = st.container(gap="xxsmall")
        view = choose_view()
        with pages:
            for label, (script, icon) in PAGES.items():
                links.page_link(script, label, icon)
        for_share = st.container()
        st.divider()
        with told():
            if read_only():
                st.caption(READ_ONLY_NOTE)
            sidebar_jobs()
    return view, for_share
