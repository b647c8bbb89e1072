"""`Share` in the sidebar: the view's link, its figures and tables, and a finding.

Nothing is rendered before somebody asks for it; then it is made in this process, without another host.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import streamlit as st

from mda.studies.attributions import Attribution
from mda.studies.retrains import list_retrains
from mda.ui.frame.cached import attributions
from mda.ui.frame.choices import carried
from mda.ui.frame.links import here
from mda.ui.frame.selection import View
from mda.ui.frame.share import PICTURES, Offered, file_name, offered
from mda.ui.words.plain import plain


def share_box(view: View | None) -> None:
    """What gives link, finding, figures and tables; call when the page is drawn.

    An expander and no popover: the Tab key reaches what is in a popover only after the whole page.
    """
    found = offered()
    with st.expander("Share", icon=":material/ios_share:"), st.container(gap="xsmall"):
        st.markdown("**This view as a link**")
        st.code(here(), language=None)
        if view is not None:
            _finding_button(view)
        if found.figures:
            st.markdown("**Figures**")
            _format("The camera of a figure saves", PICTURES, ["PNG", "SVG"])
            for name in found.figures:
                _button(f"{name}.html", "text/html", partial(_html, found, name, file_name(name)))
        if found.tables:
            st.markdown("**Tables**")
            parquet = _format("Tables are saved as", "table-format", ["CSV", "Parquet"]) == "Parquet"
            for name in found.tables:
                if parquet:
                    _button(f"{name}.parquet", "application/octet-stream", partial(_parquet, found, name))
                else:
                    _button(f"{name}.csv", "text/csv", partial(_csv, found, name))


def _finding_button(view: View) -> None:
    """The finding of the attribution that was looked at last, else of the study's newest."""
    study = view.study
    known = [
        one for one in attributions(study.name) if one.manifest.spec["study"] == study.manifest.identity
    ]  # and not those of an earlier study of this name
    st.markdown("**Finding**")
    if not known:
        st.caption("A finding begins with an attribution, and this study has none yet.")
        return
    chosen = next((one for one in known if one.id == carried("attribution")), known[0])
    st.caption(f"About: {plain(chosen.title)}.")
    st.download_button(
        "Export a finding",
        partial(_finding, view, chosen),
        f"{study.name}-{'-'.join(chosen.manifest.spec['heads'][:3])}-finding.html",
        "text/html",
        on_click="ignore",
        icon=":material/download:",
        help="One HTML file with figures, the strongest rows, retrains, settings, commands and data, which opens "
        "anywhere without network.",
    )


def _format(label: str, key: str, options: list[str]) -> str:
    return str(st.segmented_control(label, options, default=options[0], key=key, required=True))


def _button(label: str, mime: str, make: Callable[[], str | bytes]) -> None:
    """Saves under the label as the file's name, with study and head before it."""
    st.download_button(
        label, make, file_name(label), mime, key=f"save-{label}", type="tertiary", on_click="ignore",
        icon=":material/download:",
    )  # fmt: skip


def _finding(view: View, attribution: Attribution) -> str:
    # half a second of imports, for something that is rarely asked for
    from mda.ui.export.gather import gather, used_by
    from mda.ui.export.page import finding_html

    retrains = used_by(attribution, list_retrains(view.study.name))
    return finding_html(gather(view.study, attribution, retrains))


def _html(offered: Offered, name: str, file: str) -> str:
    """A page of its own that holds the figure and all that draws it. Runs outside the session, as all that makes
    files: what it needs of the session is given."""
    from mda.ui.export.document import figure_page

    figure, about = offered.figures[name]
    return figure_page(figure, file, about)


def _csv(offered: Offered, name: str) -> str:
    return offered.tables[name]().to_csv(index=False)


def _parquet(offered: Offered, name: str) -> bytes:
    held = io.BytesIO()
    offered.tables[name]().to_parquet(held, index=False)
    return held.getvalue()
