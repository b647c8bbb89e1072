"""What tests of the page of retrains share: opening it, and its words, buttons and popovers."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from pages import go, words

PAGE = "pages/5_Retrain.py"
HEAD = {"head": "L1H1", "probe": "prefix_matching"}  # what the attribution of the filled cache asks about


def opened(**query: str) -> AppTest:
    """The page with its form open."""
    at = go(PAGE, **{**HEAD, **query})
    at.session_state["new-experiment"] = True
    return at.run()


def button(at: AppTest, label: str):
    return next(one for one in at.button if one.label.startswith(label))


def popovers(at: AppTest) -> list[str]:
    return [box.proto.popover.label for box in at.get("popover")]


def plain(at: AppTest) -> str:
    return words(at).replace("\\", "")
