"""What a page offers to take along: its link, its figures, and its tables, all in one place of the sidebar.

Nothing is rendered before somebody asks for it; then it is made in this process, without another host.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from mda.ui.frame.links import here

_OFFERED = "offered"
_FORMAT = "figure-format"


@dataclass
class _Offered:
    """Figures and tables of the page as it was drawn last, by file name."""

    figures: dict[str, go.Figure] = field(default_factory=dict)
    tables: dict[str, Callable[[], pd.DataFrame]] = field(default_factory=dict)


def begin() -> None:
    """Forget what the page before offered."""
    st.session_state[_OFFERED] = _Offered()


def chart(figure: go.Figure, name: str, alt: str, **settings: Any) -> Any:
    """Draw a figure (`name`: its file's, and the widget's key), to be saved by its camera or from `Share`.

    alt: what it shows, in a sentence, for those who do not see it. settings: of `st.plotly_chart`.
    """
    _offered().figures[name] = figure
    config = {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {
            "format": str(st.session_state.get(_FORMAT) or "PNG").lower(),
            "filename": name,
            "scale": 2,
        },
    }
    return st.plotly_chart(figure, key=name, config=config, alt=alt, **settings)


def offer_table(name: str, table: pd.DataFrame | Callable[[], pd.DataFrame]) -> None:
    """Offer a table (or what makes it) as CSV and Parquet under `Share`."""
    _offered().tables[name] = table if callable(table) else lambda: table


def share_box() -> None:
    """The popover that gives link, figures and tables; call when the page is drawn."""
    offered = _offered()
    with st.popover("Share", icon=":material/ios_share:", width="stretch"):
        st.markdown("**This view as a link**")
        st.code(here(), language=None, wrap_lines=True)
        if offered.figures:
            st.markdown("**Figures**")
            st.segmented_control(
                "The camera of a figure saves", ["PNG", "SVG"], default="PNG", key=_FORMAT, required=True
            )
            for name, figure in offered.figures.items():
                _button(f"{name}.html", "text/html", partial(_html, figure))
        if offered.tables:
            st.markdown("**Tables**")
            for name, make in offered.tables.items():
                with st.container(horizontal=True):
                    _button(f"{name}.csv", "text/csv", partial(_csv, make))
                    _button(f"{name}.parquet", "application/octet-stream", partial(_parquet, make))


def _offered() -> _Offered:
    if _OFFERED not in st.session_state:
        begin()
    found: _Offered = st.session_state[_OFFERED]
    return found


def _button(file_name: str, mime: str, make: Callable[[], str | bytes]) -> None:
    st.download_button(
        file_name, make, file_name, mime, key=f"save-{file_name}", type="tertiary", on_click="ignore",
        icon=":material/download:",
    )  # fmt: skip


def _html(figure: go.Figure) -> str:
    """A page of its own that holds the figure and all that draws it."""
    return str(figure.to_html(include_plotlyjs=True, full_html=True, config={"displaylogo": False}))


def _csv(make: Callable[[], pd.DataFrame]) -> str:
    return make().to_csv(index=False)


def _parquet(make: Callable[[], pd.DataFrame]) -> bytes:
    held = io.BytesIO()
    make().to_parquet(held, index=False)
    return held.getvalue()
