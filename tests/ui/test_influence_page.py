"""The page of influence: its rows, filters and figures."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from influencing import addressed, bodies, click, opened, scored, shown

from mda.heads.geometry import Head
from mda.studies.attributions import list_attributions
from mda.studies.study import Study
from mda.ui.charts.influence import MOST_HEADS, Dots, dots_figure, steps_figure, through_figure
from mda.ui.influence import reads
from mda.ui.influence.picked import MOST, parse_rows
from pages import words

# the rows


@pytest.mark.usefixtures("cache")
def test_both_ends_are_shown_from_their_strongest_row() -> None:
    at = opened()
    assert not at.exception
    table = scored()
    assert shown(at) == [*table["row"][:4], *table["row"][::-1][:4]]
    assert "raises the prefix matching of L1H1" in " ".join(bodies(at))
    assert "40 scored rows compared" in words(at)
    assert "prefix matching of L1H1 through all 4 heads · EK-FAC · steps 10 + 20 · rows 40 to 80" in (
        at.selectbox(key="attribution").options
    )


@pytest.mark.usefixtures("cache")
def test_pages_and_order() -> None:
    at = opened(share="50", page="2")
    table = scored()
    assert shown(at) == [*table["row"][5:10], *table["row"][::-1][5:10]]
    at.selectbox(key="sort").select("step").run()
    assert addressed(at)["sort"] == "step"
    assert "page" not in addressed(at)  # another order begins with its first page
    top = table[:20].sort_values(["step", "score"], ascending=[True, False], kind="stable")
    assert shown(at)[:5] == top["row"][:5].tolist()
    at.pagination(key="page").set_value(4).run()
    assert addressed(at)["page"] == "4"
    assert shown(at)[:5] == top["row"][15:].tolist()


@pytest.mark.usefixtures("cache")
def test_strength_puts_each_row_at_its_own_end() -> None:
    at = opened(share="50", sort="strength")
    table = scored()
    strongest = table.iloc[np.argsort(-table["score"].abs().to_numpy(), kind="stable")[:10]]
    assert set(shown(at)) == set(strongest["row"])


@pytest.mark.usefixtures("cache")
def test_token_influence_and_spans_are_separate_layers() -> None:
    both = [body for body in bodies(opened(tokens="yes")) if "white-space" in body]
    assert any("background: rgba" in body for body in both)
    neither = [body for body in bodies(opened(spans="no")) if "white-space" in body]
    assert not any("background: rgba" in body or "repeated span" in body for body in neither)


# filters


@pytest.mark.usefixtures("cache")
def test_filters_select_what_they_say_and_reopen_the_same() -> None:
    table = scored()
    kind = str(table["kind"].mode()[0])
    at = opened(share="50")
    at.toggle(key="filtering").set_value(True).run()
    at.button_group(key="kinds").set_value([kind])
    at.number_input(key="from").set_value(12)
    at.number_input(key="to").set_value(18)
    at.slider(key="repeated").set_value((0, 90))
    at.run()
    assert not at.exception
    fits = table["step"].between(12, 18) & (table["kind"] == kind) & (table["repeated"] <= 0.9)
    top, bottom = table[:20][fits[:20]]["row"], table[20:][fits[20:]]["row"]
    assert shown(at) == [*top[:5], *bottom[::-1][:5]]
    told = words(at)
    assert f"**{len(top)}** of the top 20 match, **{len(bottom)}** of the bottom 20" in told
    address = addressed(at)
    assert (address["kinds"], address["from"], address["to"], address["repeated"]) == (kind, "12", "18", "0-90")
    again = opened(**address)
    assert "There is no" not in words(again)
    assert shown(again) == shown(at)
    assert addressed(again) == address
    again.toggle(key="filtering").set_value(False).run()
    assert shown(again) == [*table["row"][:5], *table["row"][::-1][:5]]
    assert not {"kinds", "from", "to", "repeated", "find"} & set(addressed(again))


@pytest.mark.usefixtures("cache")
def test_text_is_found_as_runs_of_whole_tokens() -> None:
    study, table = Study.open("demo"), scored()
    word = next(piece for row in table["row"] for piece in study.pieces(int(row))[1:] if piece.strip().isalpha())
    at = opened(share="50", find=word.strip())
    assert not at.exception
    holding = {row for row in table["row"] if word in study.pieces(int(row))}
    assert holding
    assert set(shown(at)) <= holding
    expected = f"**{len(holding & set(table['row'][:20]))}** of the top 20 match"
    assert expected in words(at)


@pytest.mark.usefixtures("cache")
def test_words_that_the_tokenizer_lacks_are_told() -> None:
    at = opened(find="zebra <script>")
    assert not at.exception
    told = words(at)
    assert "the tokenizer does not know “zebra”" in told
    assert "<script>" not in told
    assert "No row matches" in told


@pytest.mark.usefixtures("cache")
def test_where_nothing_matches_the_filters_can_be_taken_back() -> None:
    at = opened(from_="19", repeated="100-100")
    assert "No row matches" in words(at)
    assert not shown(at)
    click(at, "Clear all filters")
    assert "No row matches" not in words(at)
    assert shown(at)


@pytest.mark.usefixtures("cache")
def test_matches_between_the_ends_are_offered() -> None:
    table = scored()
    ends = {*table["step"][:2], *table["step"][-2:]}  # 5 % at either end
    step = str(min(set(table["step"]) - ends))  # each has four rows
    at = opened(share="5", from_=step, to=step)
    assert not shown(at)
    assert "rows in between do" in words(at)
    click(at, "Let top and bottom be all rows")
    assert len(shown(at)) == 4


@pytest.mark.usefixtures("cache")
def test_nonsense_in_the_address_is_told_or_bounded() -> None:
    at = opened(
        share="1e9", page="-3", from_="<b>", to="9" * 5000, repeated="90-10", sort="no such", kinds="no,such",
        picked="javascript:alert(1)", find="x" * 20_000, part="figure", spans="maybe",
    )  # fmt: skip
    assert not at.exception
    told = words(at)
    for named in ("1e9", "90\\-10", "no such", "no,such", "figure", "maybe"):
        assert named in told
    at = opened(picked="3, 99999999999, 70:75, 5x", page="999999999")
    assert not at.exception
    assert addressed(at)["picked"] == "3,70,71,72,73,74"


# rows picked by hand


@pytest.mark.usefixtures("cache")
def test_rows_are_picked_over_pages_and_sent_to_a_retrain() -> None:
    at = opened(share="50")
    first = shown(at)[0]
    at.checkbox(key=f"pick-{first}").check().run()
    at.pagination(key="page").set_value(2).run()
    second = shown(at)[0]
    at.checkbox(key=f"pick-{second}").check().run()
    numbers = ",".join(map(str, sorted((first, second))))
    assert addressed(at)["picked"] == numbers
    assert "2 rows picked" in words(at)
    links = [element.proto for element in at.get("page_link")]
    link = next(one for one in links if one.label == "Retrain without these rows")
    assert f"picked={numbers.replace(',', '%2C')}" in link.query_string
    at.checkbox(key=f"pick-{second}").uncheck().run()
    assert addressed(at)["picked"] == str(first)
    click(at, "Clear")
    assert "picked" not in addressed(at)
    assert not any(box.value for box in at.checkbox)


def test_picked_rows_belong_to_their_study(cache: Path) -> None:
    shutil.copytree(cache / "demo", cache / "other")
    at = opened(study="demo", picked="41,42")
    assert "2 rows picked" in words(at)
    at.selectbox(key="study").select("other").run()
    assert "rows picked" not in words(at)
    assert "picked" not in addressed(at)


def test_picked_rows_are_bounded() -> None:
    assert parse_rows("12,40,57", 100) == [12, 40, 57]
    assert parse_rows("57, 12 12", 100) == [12, 57]
    assert parse_rows("-5 1.5 5x 1e3 <b>7</b> 99 100", 100) in ([5, 7, 99], [1, 5, 7, 99])
    assert len(parse_rows("0:999999999999", 10**6)) == MOST
    assert parse_rows("0:999999999999", 3) == [0, 1, 2]


# figures


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("part", ["scores", "kinds", "steps", "heads"])
def test_every_figure_is_drawn(part: str) -> None:
    at = opened(part=part)
    assert not at.exception
    assert "There is no" not in words(at)
    assert len(at.get("plotly_chart")) == (2 if part == "scores" else 1)


@pytest.mark.usefixtures("cache")
def test_composition_is_that_of_the_ends() -> None:
    study, one, table = Study.open("demo"), list_attributions("demo")[0], scored()
    found = reads.composition(study, one, 0.2).set_index(["group", "measure", "kind"])
    for group, part in ((reads.TOP, table[:8]), (reads.BOTTOM, table[-8:])):
        value = found["value"].xs(group)
        assert value["mean repeated share", ""] == pytest.approx(part["repeated"].mean())
        assert value[reads.TRAINING_STEP, ""] == pytest.approx(part["step"].mean())
    kinds = found["value"].unstack("group").loc["kind share"]
    np.testing.assert_allclose(kinds[reads.TOP], kinds[reads.SAME_REPETITION], atol=0.3)
    assert set(found["rows"].xs(reads.RANDOM)) == {8}


@pytest.mark.usefixtures("cache")
def test_heads_add_up_to_the_scores_of_an_end() -> None:
    one, table = list_attributions("demo")[0], scored()
    found = reads.by_head(one, 0.1)
    assert found["head"].tolist() == ["L0H0", "L0H1", "L1H0", "L1H1"]
    assert found[reads.TOP].sum() == pytest.approx(table["score"][:4].sum())
    assert found[reads.BOTTOM].sum() == pytest.approx(table["score"][-4:].sum())


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5])
def test_large_attributions_are_compared_by_a_sample(share: float) -> None:
    study: Any = SimpleNamespace(facts=SimpleNamespace(seq_len=2048))
    rows, end = 1_000_000, int(1_000_000 * share)
    sample = reads._sample(study, rows, share, end)
    assert len(sample) * 2049 < 6e6
    assert len(np.unique(sample)) == len(sample)
    assert min(np.count_nonzero(sample < end), np.count_nonzero(sample >= rows - end)) >= 250
    assert np.array_equal(reads._sample(study, 900, share, 90), np.arange(900))


def test_figures_stand_what_tables_may_hold() -> None:
    lines = pd.DataFrame(
        {
            "group": ["top", "random"],
            "value": [0.5, 0.2],
            "low": [0.4, np.nan],
            "high": [0.6, np.nan],
            "rows": [9, 1],
        }
    )
    groups = {"top": ("top 10 %", "#0072B2"), "random": ("other rows", "#56B4E9")}
    figure = dots_figure([Dots("one<br>thing", lines, "{:.1f}".format)] * 5, groups, across=4)
    dots = figure.data[0]
    assert list(dots.x) == [0.5, 0.2]
    assert list(dots.error_x.array) == pytest.approx([0.1, 0.0])
    assert "one thing" in dots.hovertemplate

    steps = pd.DataFrame(
        {
            "first": [0], "last": [9], "rows": [1], "total": [1.0], "positive": [1.0], "negative": [0.0],
            "mean": [1.0], "low": [np.nan], "high": [np.nan],
        }
    )  # fmt: skip
    assert steps_figure(steps, None, Head(0, 1), "prefix matching", 99, [3]).layout.xaxis.range[1] < 11
    curve = (np.array([0, 3, 20]), np.array([0.0, 0.2, 0.9]))
    drawn = steps_figure(steps, curve, Head(0, 1), "prefix matching", 5, [3])
    assert list(drawn.data[-1].x) == [3]

    many = pd.DataFrame({"head": [f"L0H{i}" for i in range(40)], "top": np.arange(40.0), "bottom": 0.0})
    bars = through_figure(many, {"top": "top", "bottom": "bottom"}).data
    assert len(bars[0].x) == MOST_HEADS
    assert bars[0].x[-1] == "L0H39"
    assert set(bars[1].text) == {""}
