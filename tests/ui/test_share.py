"""`Share`: link, finding, figures and tables under names that say what they are, made only when asked for."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages import go, home, words

INFLUENCE = "pages/3_Influence.py"

Saved = dict[str, tuple[str, Callable[[], str | bytes]]]


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> Saved:
    """Label -> file name and what makes the content, of the buttons of the last run."""
    found: Saved = {}

    def note(label: str, data: Any, file_name: str, mime: str, **settings: Any) -> bool:
        found[label] = (file_name, data)
        return False

    monkeypatch.setattr(st, "download_button", note)
    return found


def _script() -> None:
    import pandas as pd
    import plotly.graph_objects as go
    import streamlit as st

    from mda.ui.frame import share
    from mda.ui.shell.share_box import share_box

    def broken() -> pd.DataFrame:
        raise AssertionError("made before it was asked for")

    share.begin()
    share.chart(go.Figure(go.Scatter(x=[1, 2], y=[3, 4])), "curve", "A curve <b>&")
    share.offer_table("numbers", pd.DataFrame({"a": [1, 2], "b": [0.1, None], "c": ["x,y", "\u202e<b>"]}))
    share.offer_table("broken", broken)
    with st.sidebar:
        share_box(None)


def test_files_hold_what_was_offered(saved: Saved) -> None:
    at = AppTest.from_function(_script, default_timeout=60).run()
    assert not at.exception
    assert list(saved) == ["curve.html", "numbers.csv", "broken.csv"]
    page = str(saved["curve.html"][1]())
    assert "A curve &lt;b&gt;&amp;" in page
    assert "<b>&" not in page
    saved.clear()
    at.session_state["table-format"] = "Parquet"
    at.run()
    assert list(saved) == ["curve.html", "numbers.parquet", "broken.parquet"]
    expected = pd.DataFrame({"a": [1, 2], "b": [0.1, None], "c": ["x,y", "\u202e<b>"]})
    content = saved["numbers.parquet"][1]()
    assert isinstance(content, bytes)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(content)), expected)


def test_csv_reads_back_equal(saved: Saved) -> None:
    AppTest.from_function(_script, default_timeout=60).run()
    expected = pd.DataFrame({"a": [1, 2], "b": [0.1, None], "c": ["x,y", "\u202e<b>"]})
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(str(saved["numbers.csv"][1]()))), expected)


@pytest.mark.usefixtures("cache")
def test_names_say_study_head_and_what(saved: Saved) -> None:
    at = home(head="L0H1")
    assert not at.exception
    names = [name for label, (name, _) in saved.items() if label != "Export a finding"]
    assert names
    assert all(name.startswith("demo-L0H1-") for name in names)
    assert saved["Export a finding"][0] == "demo-L1H1-finding.html"
    link = at.code[0].value
    assert "study=demo" in link
    assert "head=L0H1" in link


@pytest.mark.usefixtures("cache")
def test_a_finding_is_exported_from_the_page(saved: Saved, attribution: str) -> None:
    go(INFLUENCE, attribution=attribution)
    page = str(saved["Export a finding"][1]())
    assert page.startswith("<!doctype html>")
    assert attribution in page


def test_without_an_attribution_there_is_no_finding(cache: Path, saved: Saved) -> None:
    (cache / "demo" / "attributions").rename(cache / "gone")
    at = home()
    assert not at.exception
    assert "Export a finding" not in saved
    assert "this study has none yet" in words(at)


def test_without_a_study_there_is_only_the_link(empty_cache: Path, saved: Saved, launched: list) -> None:
    at = home()
    assert not at.exception
    assert not saved
    assert at.code
