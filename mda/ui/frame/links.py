"""Links between pages: each keeps study, head, step and probe, and may add or change parameters."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from mda.ui.frame.choices import carried

STORY, HEADS, ATTENTION = "app.py", "pages/1_Heads.py", "pages/2_Attention.py"
INFLUENCE, ROW, RETRAIN = "pages/3_Influence.py", "pages/4_Row.py", "pages/5_Retrain.py"


def page_link(page: str, label: str, icon: str | None = None, **params: object) -> None:
    """A link to a page by its script."""
    st.page_link(page, label=label, icon=icon, query_params=_params(params))


def href(name: str, **params: object) -> str:
    """The same as a relative URL for HTML, to a page by its name in the address (`Row`); escape it there."""
    return f"{name}?{urlencode(_params(params))}"


def here() -> str:
    """The whole address of the view that is shown."""
    address = str(st.context.url or "")
    params = {**st.query_params.to_dict(), **_params({})}
    return f"{address}?{urlencode(params)}"


def _params(added: dict[str, object]) -> dict[str, str]:
    found = {key: carried(key) for key in ("study", "head", "step", "probe")}
    if "study" in added and added["study"] != found["study"]:
        found = {}  # another study has other heads and steps
    return {key: str(value) for key, value in {**found, **added}.items() if value is not None}
