"""What a page offers to take along: its figures and tables, under the names of their files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from mda.ui.frame.choices import carried

_OFFERED = "offered"
PICTURES = "picture-format"
"""Key of the choice between PNG and SVG."""


@dataclass
class Offered:
    """Figures (each with what it shows) and tables of the page as it was drawn last, by name."""

    figures: dict[str, tuple[go.Figure, str]] = field(default_factory=dict)
    tables: dict[str, Callable[[], pd.DataFrame]] = field(default_factory=dict)


def begin() -> None:
    """Forget what the page before offered."""
    st.session_state[_OFFERED] = Offered()


def chart(figure: go.Figure, name: str, alt: str, **settings: Any) -> Any:
    """Draw a figure that can be saved by its camera or from `Share`.

    name: what its file is called, and the widget's key. alt: what it shows, in a sentence, for those who do not
    see it. settings: of `st.plotly_chart`.
    """
    offered().figures[name] = figure, alt
    config = {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {
            "format": str(st.session_state.get(PICTURES) or "PNG").lower(),
            "filename": file_name(name),
            "scale": 2,
        },
    }
    return st.plotly_chart(figure, key=name, config=config, alt=alt, **settings)


def offer_table(name: str, table: pd.DataFrame | Callable[[], pd.DataFrame]) -> None:
    """Offer a table (or what makes it) as CSV and Parquet under `Share`."""
    offered().tables[name] = table if callable(table) else lambda: table


def file_name(name: str) -> str:
    """The name with study and head before it: what a file is called."""
    chosen = [carried("study"), carried("head")]
    return "-".join([str(one) for one in chosen if one] + [name])


def offered() -> Offered:
    """What the page has offered so far."""
    if _OFFERED not in st.session_state:
        begin()
    found: Offered = st.session_state[_OFFERED]
    return found
