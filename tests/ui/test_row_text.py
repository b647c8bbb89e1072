"""A row's HTML: every token is there, whole and escaped, with its marks."""

from __future__ import annotations

import html
import re
import unicodedata

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mda.ui.charts.colours import CATEGORIES
from mda.ui.text.row_text import legend_html, row_html, run_html

TOKEN = re.compile(r'<span style="(white-space: pre[^"]*)" title="([^"]*)">(.*?)</span><wbr>', re.S)


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
    assert "span 1: 3 tokens, 2 times in this row; time 1 starts at token 0" in marked[0][1]
    assert "period" not in marked[2][1]
    assert "time 2 starts at token 4, period 4" in marked[5][1]
    assert "time 2 starts at token 11, period 3" in marked[13][1]


def test_each_occurrence_has_ends_of_its_own() -> None:
    marked = tokens(row_html(list("ababab"), [(2, (0, 2, 4))]))
    for place in range(6):
        assert ("bottom-left" in marked[place][0]) == (place % 2 == 0)
        assert ("bottom-right" in marked[place][0]) == (place % 2 == 1)


def test_the_last_token_has_no_influence_and_the_strongest_is_full() -> None:
    marked = tokens(row_html(["a", "b", "c"], influence=np.array([0.1, -0.2])))
    assert "rgba(0, 114, 178, 0.33)" in marked[0][0]
    assert "0.65" in marked[1][0]
    assert "background" not in marked[2][0]
    assert "background" not in row_html(["a", "b"], influence=np.zeros(1))


def test_one_outlier_does_not_hide_the_rest() -> None:
    influence = np.full(200, 0.1)
    influence[0] = 50.0
    marked = tokens(row_html(["a"] * 201, influence=influence))
    assert "0.65" in marked[0][0]
    assert "0.65" in marked[7][0]
    assert "influence +0.1, 0 % of the row's strongest" in marked[7][1]
    lone = np.zeros(200)
    lone[3] = -1
    assert "0.65" in tokens(row_html(["a"] * 201, influence=lone))[3][0]


def test_a_very_long_token_is_cut_and_breaks_where_it_must() -> None:
    ((style, _, text),) = tokens(row_html(["<" * 10_000]))
    assert "white-space: pre-wrap" in style
    assert text.count("&lt;") == 500
    assert "9,500 more letters" in text
    assert "white-space: pre;" in tokens(row_html(["word"]))[0][0]


@given(st.lists(st.text(max_size=30), max_size=10))
def test_nothing_reorders_or_hides_what_is_around_it(pieces: list[str]) -> None:
    shown = html.unescape(row_html(pieces))
    assert not [sign for sign in shown if unicodedata.category(sign) in ("Cc", "Cf", "Cs") and sign != "\t"]


def test_a_run_is_one_line() -> None:
    shown = run_html(["a\n", "<b>", "c"], 1, limit=2)
    assert "<br>" not in shown
    assert "&lt;b&gt;" in shown
    assert "1 more tokens" in shown
    assert CATEGORIES[1] in shown


def test_a_long_row_is_cut_and_says_so() -> None:
    shown = row_html(["a"] * 2049, limit=400)
    assert len(tokens(shown)) == 400
    assert "1,649 more tokens" in shown
    assert len(tokens(row_html(["a"] * 2049))) == 2049


def test_the_legend_tells_only_what_is_shown() -> None:
    assert "underlined" not in legend_html(False, True)
    assert "background" not in legend_html(True, False)
