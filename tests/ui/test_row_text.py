"""A row's HTML: every token is there, whole and escaped, with its marks."""

from __future__ import annotations

import html
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mda.ui.charts.colours import CATEGORIES
from mda.ui.text.row_text import legend_html, row_html

TOKEN = re.compile(r'<span style="white-space: pre([^"]*)" title="([^"]*)">(.*?)</span><wbr>', re.S)


def tokens(shown: str) -> list[tuple[str, str, str]]:
    return TOKEN.findall(shown)


def test_text_is_escaped() -> None:
    shown = row_html(["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&amp;"])
    assert "<script" not in shown
    assert "<img" not in shown
    assert html.unescape(tokens(shown)[2][2]) == "&amp;"


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8), max_size=20))
def test_every_token_is_there_and_whole(pieces: list[str]) -> None:
    assert [html.unescape(text) for _, _, text in tokens(row_html(pieces))] == pieces


@given(st.lists(st.text(max_size=5), max_size=10))
def test_no_text_can_write_markup(pieces: list[str]) -> None:
    shown = row_html(pieces)
    assert set(re.findall(r"<(\w+)", shown)) <= {"div", "span", "wbr", "br"}


def test_white_space_and_tricks_are_visible() -> None:
    shown = row_html(["a\n    b", "\t", "\r", "\x00", "\u202e"])
    assert "↵</span><br>    b" in shown
    for sign in ("⇥", "␍", "␀", "⟨U+202E⟩"):
        assert sign in shown
    assert "\x00" not in shown
    assert "\u202e" not in shown


def test_one_colour_for_all_occurrences_of_a_span() -> None:
    pieces = list("abcxabcydefdef")
    marked = tokens(row_html(pieces, [(3, (0, 4)), (3, (8, 11))]))
    assert all(CATEGORIES[0] in marked[i][0] for i in (0, 1, 2, 4, 5, 6))
    assert all(CATEGORIES[1] in marked[i][0] for i in range(8, 14))
    assert all("border" not in marked[i][0] for i in (3, 7))
    assert "span 1: 3 tokens, 2 times" in marked[0][1]


def test_the_last_token_has_no_influence_and_the_strongest_is_full() -> None:
    marked = tokens(row_html(["a", "b", "c"], influence=np.array([0.1, -0.2])))
    assert "rgba(0, 114, 178, 0.33)" in marked[0][0]
    assert "0.65" in marked[1][0]
    assert "background" not in marked[2][0]
    assert "background" not in row_html(["a", "b"], influence=np.zeros(1))


def test_a_long_row_is_cut_and_says_so() -> None:
    shown = row_html(["a"] * 2049, limit=400)
    assert len(tokens(shown)) == 400
    assert "1,649 more tokens" in shown
    assert len(tokens(row_html(["a"] * 2049))) == 2049


def test_the_legend_tells_only_what_is_shown() -> None:
    assert "underlined" not in legend_html(False, True)
    assert "background" not in legend_html(True, False)
