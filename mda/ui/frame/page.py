"""What every page begins with: its settings, the sidebar with study and jobs, and errors told in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from mda.errors import UserError
from mda.studies.study import Study, list_studies
from mda.ui.frame.choices import carried, choose
from mda.ui.frame.jobs_panel import sidebar_jobs
from mda.ui.frame.words import plain

PAGES = (
    ("app.py", "Story", ":material/auto_stories:"),
    ("pages/1_Heads.py", "Heads", ":material/grid_view:"),
    ("pages/2_Influence.py", "Influence", ":material/swap_vert:"),
    ("pages/3_Retrain.py", "Retrain", ":material/science:"),
)


def run_page(title: str, body: Callable[[Study], None], without_study: Callable[[], None] | None = None) -> None:
    """Set the page up and draw `body` for the chosen study; a user's mistake becomes one sentence in a box.

    without_study: what to draw while there is no study; by default a pointer to the first page.
    """
    st.set_page_config(page_title=f"{title} · MDA explorer", layout="wide")
    with told():
        study = _sidebar()
        if study is not None:
            body(study)
        elif without_study is not None:
            without_study()
        else:
            st.header(title)
            st.info("There is no study yet. The first page builds the demo by itself.")
            page_link("app.py", "Go to the first page")


@contextmanager
def told() -> Iterator[None]:
    """Show a UserError as its sentence."""
    try:
        yield
    except UserError as error:
        st.error(plain(str(error)))


def page_link(page: str, label: str, icon: str | None = None, study: str | None = None) -> None:
    """A link to a page that keeps the study."""
    name = study or carried("study")
    st.page_link(page, label=label, icon=icon, query_params={"study": name} if name else None)


def _sidebar() -> Study | None:
    with st.sidebar:
        st.subheader("MDA explorer", help="Which training rows built a mechanism inside a language model?")
        links = st.container(gap="xxsmall")
        names = list_studies()
        chosen = None
        if names:
            chosen = choose("Study", names, "demo" if "demo" in names else names[0], "study", "study")
        with links:
            for path, label, icon in PAGES:
                page_link(path, label, icon, chosen)
        st.divider()
        with told():
            sidebar_jobs()
    return Study.open(chosen) if chosen else None


def stale_note(made_for: object, study: Study, what: str) -> None:
    """Warn where a result belongs to an earlier study of the same name."""
    if made_for != study.manifest.identity:
        st.warning(
            f"{what} was made for an earlier study named '{plain(study.name)}', so its rows may not be these. "
            "Make it again."
        )
