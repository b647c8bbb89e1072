"""Not built yet."""

from __future__ import annotations

import streamlit as st

from mda.ui.frame.page import run_page
from mda.ui.frame.selection import View


def body(view: View) -> None:
    """Nothing yet."""
    st.header(str(view.head))


run_page("Attention", body)
