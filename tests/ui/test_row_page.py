"""The page of one row: what it says of rows of every state, how it is asked for, and what lies behind it."""

from __future__ import annotations

import html
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from mda.heads.geometry import Head
from mda.spans import repeated_spans
from mda.studies.attributions import open_attribution
from mda.studies.retrains import list_retrains
from mda.studies.study import Study
from mda.ui.charts.row import Losses, StepScores, heads_figure, training_figure
from mda.ui.row.choice import nearest_row
from mda.ui.row.history import changes, covering, scores_by_head, scores_by_step
from mda.ui.row.losses import MOST_CHECKPOINTS, looked_at
from mda.ui.row.ranking import place_of
from pages import go, words

PAGE = "pages/4_Row.py"


def read(attribution: str, **query: str) -> AppTest:
    """The page with the head that the attribution is about."""
    return go(PAGE, head="L1H1", attribution=attribution, **query)


def bodies(at: AppTest) -> str:
    return " ".join(str(element.proto.body) for element in at.get("html"))


@pytest.fixture
def filled_study(cache: Path) -> Study:
    return Study.open("demo")


def test_the_page_opens_with_the_row_that_promotes_most(cache: Path, attribution: str) -> None:
    best = int(open_attribution("demo", attribution).ranked(1)["row"].iloc[0])
    at = read(attribution)
    assert not at.exception
    assert at.header[0].value == f"Row {best}"
    assert at.number_input(key="row").value == best
    assert "**Rank 1 of 40**" in words(at)
    assert at.query_params["row"] in (str(best), [str(best)])


def test_a_scored_row_tells_place_rank_text_and_relatives(
    cache: Path, attribution: str, filled_study: Study
) -> None:
    line = open_attribution("demo", attribution).ranked(40).iloc[-1]
    row = int(line["row"])
    at = read(attribution, row=str(row))
    assert not at.exception
    assert not at.error
    told = words(at)
    assert f"Trained on at **step {row // 4}**, {row % 4 + 1} of 4 in its batch" in told
    assert str(filled_study.kind_names(np.array([row]))[0]) in told
    assert "**Rank 40 of 40** (bottom 2.5 %)" in told
    assert ("**suppresses**" if line["score"] < 0 else "**promotes**") in told
    shown = bodies(at)
    for piece in filled_study.pieces(row):
        assert html.escape(piece.strip("\n ")) in shown
    assert "rgba(" in shown  # influence of tokens
    assert [part.value for part in at.subheader if part.value != "MDA explorer"] == [
        "Influence through each head",
        "Where L1H1 looks in it",
        "Through training",
        "Retrains that changed it",
        "Rows that share its spans",
    ]


def test_layers_can_be_switched_off(cache: Path, attribution: str) -> None:
    at = read(attribution, row="57", influence="no")
    assert "background: rgba" not in bodies(at)
    at.toggle(key="spans").set_value(False).run()
    assert not at.exception
    assert "repeated span 1" not in bodies(at)
    assert at.query_params["spans"] in ("no", ["no"])


def test_buttons_go_to_neighbours_in_training_and_in_rank(cache: Path, attribution: str) -> None:
    ranked = open_attribution("demo", attribution).ranked(40)["row"].tolist()
    at = read(attribution, row=str(ranked[1]))
    at.button(key="go-Rank up").click().run()
    assert at.header[0].value == f"Row {ranked[0]}"
    assert at.button(key="go-Rank up").disabled
    at.button(key="go-Rank down").click().run()
    at.button(key="go-Next").click().run()
    assert at.header[0].value == f"Row {ranked[1] + 1}"
    at.button(key="go-Previous").click().run()
    assert at.header[0].value == f"Row {ranked[1]}"
    at.number_input(key="row").set_value(0).run()
    assert at.button(key="go-Previous").disabled
    assert at.query_params["row"] in ("0", ["0"])


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("96", 95), ("9" * 5000, 95), ("12.7", 12), ("<b>", None)],
)
def test_a_row_that_does_not_exist_is_told_and_the_nearest_shown(
    asked: str, shown: int | None, cache: Path, attribution: str
) -> None:
    best = int(open_attribution("demo", attribution).ranked(1)["row"].iloc[0])
    at = read(attribution, row=asked)
    assert not at.exception
    assert "There is no row" in words(at)
    assert at.header[0].value == f"Row {best if shown is None else shown}"
    at.button(key="go-Previous" if shown else "go-Next").click().run()
    assert "There is no row" not in words(at)


def test_rows_outside_the_attribution_and_held_out_rows_say_so(cache: Path, attribution: str) -> None:
    at = read(attribution, row="3")
    assert not at.exception
    assert "scored rows 40 to 79, and row 3 is not among them" in words(at)
    assert "No retrain yet had this row" in words(at)
    at = read(attribution, row="90")
    assert "**Held out**" in words(at)


def test_read_only_offers_no_retrain(cache: Path, attribution: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def links() -> str:
        return str([link.proto.label for link in read(attribution, row="57").get("page_link")])

    assert "Retrain without this row" in links()
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    assert "Retrain without this row" not in links()


def test_without_an_attribution_the_row_is_still_told(cache: Path) -> None:
    at = go(PAGE, head="L0H0", row="41")
    assert not at.exception
    assert "No attribution asks about L0H0" in words(at)
    assert at.header[0].value == "Row 41"
    assert "repeated" in words(at)
    assert "Influence through each head" not in words(at)


def test_the_loss_is_computed_on_demand(cache: Path, attribution: str) -> None:
    at = read(attribution, row="57")
    before = len(at.get("plotly_chart"))
    assert "nats per token" not in str([chart.proto.spec for chart in at.get("plotly_chart")])
    at.toggle(key="loss").set_value(True).run()
    assert not at.exception
    assert len(at.get("plotly_chart")) == before
    assert "nats per token" in str([chart.proto.spec for chart in at.get("plotly_chart")])
    assert not at.get("progress")
    again = read(attribution, row="57", loss="yes")
    assert again.toggle(key="loss").value is True


TRICKS = (
    "<script>alert(1)</script>",
    "</span></div><style>*{display:none}</style>",
    "![x](http://example.org/x.png) **b** `c`",
    r"$\frac{1}{2}$ :red[x]",
    "\u202eabc\u2066 \u200b\u200d\ufeff\u00ad",
    "שלום",
    "👩\u200d👧",
    "x" * 10_000,
    "\x00\x1b\x85",
)


def test_tricks_in_the_text_stay_text(cache: Path, attribution: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [TRICKS[place % len(TRICKS)] for place in range(33)]
    monkeypatch.setattr(Study, "pieces", lambda study, row: pieces)
    streamlit.cache_data.clear()  # texts of rows are kept
    at = read(attribution, row="58")
    streamlit.cache_data.clear()
    assert not at.exception
    shown = bodies(at)
    assert "<script" not in shown
    assert "<style" not in shown
    assert html.escape(TRICKS[0]) in shown
    assert not set(shown) & set("\u202e\u2066\u200b\ufeff\u00ad\x00\x1b\x85")
    assert TRICKS[6] in shown  # joined letters stay joined
    assert "\u200b\u200d" not in shown
    assert "9,500 more letters" in shown
    assert len(shown) < 400_000
    for text in TRICKS[:5]:
        assert text not in words(at)
    assert not set("".join(at.dataframe[0].value["text"])) & set("\u202e\u200b\x00")


def test_every_row_that_is_named_links_to_its_page(cache: Path, attribution: str) -> None:
    at = read(attribution, row="57")
    for number in re.findall(r">row ([\d,]+)<", bodies(at)):
        assert f"row={number.replace(',', '')}&amp;" in bodies(at)
    at = go("pages/3_Influence.py", head="L1H1", attribution=attribution)
    best = int(open_attribution("demo", attribution).ranked(1)["row"].iloc[0])
    assert re.search(rf'href="Row\?[^"]*row={best}\b[^"]*attribution={attribution}"', bodies(at))


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30))
def test_ranks_are_those_of_the_ranking(values: list[int]) -> None:
    table = pd.DataFrame({"row": range(7, 7 + len(values)), "score": np.array(values, dtype=float)})
    ranked = table.sort_values(["score", "row"], ascending=[False, True])["row"].tolist()
    places = [place_of(table, row) for row in ranked]
    assert [place.rank for place in places if place] == list(range(1, len(values) + 1))
    assert places[0] is not None and places[0].above is None  # noqa: PT018
    assert places[-1] is not None and places[-1].below is None  # noqa: PT018
    for (higher, upper), (lower, under) in pairwise(zip(ranked, places, strict=True)):
        assert upper is not None
        assert under is not None
        assert (upper.below, under.above) == (lower, higher)
    assert place_of(table, 6) is None
    assert place_of(table, 7 + len(values)) is None


def test_nearest_rows() -> None:
    assert [nearest_row(asked, 100, 7) for asked in ("12", "-1", "1e400", "-inf", "nan", "x", "")] == [
        12, 0, 99, 0, 7, 7, 7,
    ]  # fmt: skip


def test_scores_by_head_and_step_add_up(filled_study: Study, attribution: str) -> None:
    one = open_attribution("demo", attribution)
    table = one.scores()
    line = table.iloc[5]
    row = int(line["row"])
    by_head = scores_by_head(one, line)
    assert list(by_head) == filled_study.sizes.all_heads()
    assert sum(by_head.values()) == pytest.approx(line["score"], rel=1e-4, abs=1e-6)
    head, probe = Head.parse(one.manifest.spec["heads"][0]), one.manifest.spec["probe"]
    (found,) = scores_by_step(covering([one], head, probe, row), one, row)
    assert found.front
    assert list(found.steps) == [10, 20]
    assert sum(found.values) == pytest.approx(line["score"], rel=1e-4, abs=1e-6)
    assert covering([one], Head(0, 0), probe, row) == []
    assert covering([one], head, "induction", row) == []
    assert covering([one], head, probe, 3) == []


def test_changes_are_those_of_the_stored_tables(filled_study: Study) -> None:
    retrains = list_retrains("demo")
    arms = [one for one in retrains if one.label != "baseline"]
    removed = set(arms[0].changed_rows()["row"])
    for row in range(38, 66):
        found, around = changes(filled_study, retrains, row)
        inside = 40 <= row < 64
        assert around == (len(arms) if inside else 0)
        assert bool(found) == (row in removed)
        for change in found:
            assert (change.label, change.window, change.weight) == ("remove top 20 %", (10, 16), 0.0)
            assert change.replicates == [0, 1]


def test_checkpoints_to_look_at_are_bounded() -> None:
    steps = list(range(0, 3000, 7))
    chosen = looked_at(steps, 700)
    assert len(chosen) <= MOST_CHECKPOINTS + 1
    assert {0, 700, steps[-1]} <= set(chosen)
    assert chosen == sorted(chosen)
    assert looked_at([0, 10], 0) == [0, 10]


def test_the_bars_are_signed_and_name_their_heads() -> None:
    scores = {Head(0, 0): 1.5, Head(1, 1): -0.25}
    bars = heads_figure(scores, Head(1, 1)).data[0]
    assert list(bars.x) == ["L0H0", "L1H1"]
    assert list(bars.y) == [1.5, -0.25]
    assert list(bars.marker.line.width) == [0, 2.5]
    assert bars.marker.color[0] != bars.marker.color[1]
    assert list(bars.text) == ["+1.5", "-0.25"]


def test_panels_without_data_are_left_out() -> None:
    curve = (np.array([0, 10, 20]), np.array([0.0, 0.1, 0.5]))
    losses = Losses([0, 20], {"all": [5.0, 3.0], "copied": [np.nan, np.nan], "other": [5.0, 3.0]})
    scores = [
        StepScores("L1H1 (abcd)", [10, 20], [0.5, 2.0], True),
        StepScores("L1H1 (ef01)", [10], [-1.0], False),
    ]
    whole = training_figure(curve, "prefix matching", Head(1, 1), scores, losses, 14, 10, [0, 10, 20])
    titles = [note.text for note in whole.layout.annotations]
    for part in ("prefix matching of L1H1", "influence of this row", "loss of this row", "trained on here"):
        assert any(part in title for title in titles)
    assert not any("copying predicts" in title for title in titles)  # nothing of it there
    assert whole.layout.yaxis2.range[0] < -1 < 0 < 2 < whole.layout.yaxis2.range[1]
    only = training_figure(None, "prefix matching", Head(1, 1), [], losses, None, 10, [0, 10, 20])
    assert "yaxis2" not in only.to_dict()["layout"]


def test_the_table_of_spans_agrees_with_the_text(cache: Path, attribution: str, filled_study: Study) -> None:
    row = next(row for row in range(40, 80) if repeated_spans(np.asarray(filled_study.rows[row])))
    spans = repeated_spans(np.asarray(filled_study.rows[row]))
    table = read(attribution, row=str(row)).dataframe[0].value
    assert table["tokens"].tolist() == [span.length for span in spans]
    assert table["starts at"].tolist() == [", ".join(map(str, span.starts)) for span in spans]
    assert table["periods"].tolist() == [", ".join(map(str, span.gaps)) for span in spans]


def test_the_head_can_be_watched_on_the_row(cache: Path, attribution: str) -> None:
    at = read(attribution, row="57", step="10")
    assert not at.get("bidi_component")
    at.toggle(key="attention").set_value(True).run()
    assert not at.exception
    assert at.get("bidi_component")
    assert at.query_params["attention"] in ("yes", ["yes"])
    assert not read(attribution, row="57", step="10", attention="yes").exception
