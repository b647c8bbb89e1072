"""The page of influence: its rows, filters, figures and states."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from mda.evidence.births import births
from mda.heads.geometry import Head
from mda.jobs.files import JobStatus, new_job
from mda.store.tensors import write_tensors
from mda.studies.attributions import Attribution, list_attributions
from mda.studies.study import ROWS, Study
from mda.ui.charts.influence import MOST_HEADS, Dots, dots_figure, steps_figure, through_figure
from mda.ui.influence import reads
from mda.ui.influence.about import trust_line
from mda.ui.influence.filters import kinds_text, parse_kinds, parse_repeated, parse_share, parse_step
from mda.ui.influence.form import expected_seconds, propose, rows_passed
from mda.ui.influence.page import matching_scores
from mda.ui.influence.picked import MOST, parse_rows
from mda.ui.influence.query import RowQuery, ranked, select
from mda.ui.influence.search import rows_holding, runs_of
from pages import home, stopped_job, words

PAGE = "pages/3_Influence.py"
HEAD = "L1H1"  # of the attribution in the filled cache


def opened(**query: str) -> AppTest:
    """The page at an address; `from_` stands for `from`."""
    at = home()
    for key, value in {"head": HEAD, **query}.items():
        at.query_params[key.rstrip("_")] = value
    return at.switch_page(PAGE).run()


def addressed(at: AppTest) -> dict[str, str]:
    """The address's parameters."""
    return {key: value[-1] if isinstance(value, list) else value for key, value in at.query_params.items()}


def bodies(at: AppTest) -> list[str]:
    return [str(element.proto.body) for element in at.get("html")]


def shown(at: AppTest) -> list[int]:
    """Numbers of the rows on the page, in the order in which they are drawn: the left side first."""
    found = (re.search(r">row ([\d,]+)<", body) for body in bodies(at))
    return [int(match[1].replace(",", "")) for match in found if match]


def click(at: AppTest, label: str) -> AppTest:
    return next(button for button in at.button if button.label == label).click().run()


def scored(name: str = "demo") -> pd.DataFrame:
    """The only attribution's table with kind and repeated share, from the highest score."""
    study, one = Study.open(name), list_attributions(name)[0]
    table = one.scores()
    rows = table["row"].to_numpy()
    table["repeated"], table["kind"] = study.shares(rows), study.kind_names(rows)
    return table.sort_values(["score", "row"], ascending=[False, True], ignore_index=True)


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing kept in memory: for tests that change what is stored without changing what identifies it."""
    forget()
    yield
    forget()


def forget() -> None:
    st.cache_data.clear()
    st.cache_resource.clear()


def change(path: Path, **entries: Any) -> None:
    """Change entries of a manifest's result."""
    manifest = json.loads(path.read_text())
    manifest["result"] |= entries
    path.write_text(json.dumps(manifest))


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


# states


def test_without_any_attribution_the_form_is_open_and_launches(cache: Path, launched: list) -> None:
    shutil.rmtree(cache / "demo" / "attributions")
    at = opened()
    assert "has no attribution yet" in words(at)
    assert "not known yet" in words(at)
    click(at, "Attribute")
    assert not at.exception
    command, arguments, study = launched[0]
    assert (command, study) == ("attribute", "demo")
    assert arguments["head"] == HEAD
    assert arguments["steps"] == [20]
    assert arguments["rows"] == [0, 80]
    assert arguments["through"] == "all"


@pytest.mark.usefixtures("cache")
def test_without_one_of_this_head_the_form_and_the_others_are_offered(attribution: str, launched: list) -> None:
    at = opened(head="L0H0", probe="previous_token")
    told = words(at)
    assert "No attribution asks about L0H0 with the probe previous token" in told
    assert "about" in told.lower()
    assert "going by the 1 made before" in told
    click(at, "Attribute")
    assert launched[0][1]["head"] == "L0H0"
    assert launched[0][1]["probe"] == "previous_token"
    at = opened(head="L0H0", probe="previous_token")
    at.button(key=f"show-{attribution}").click().run()
    assert not at.exception
    assert at.selectbox(key="attribution").value == attribution
    assert at.selectbox(key="head").value == HEAD
    assert at.query_params["attribution"] in (attribution, [attribution])


@pytest.mark.usefixtures("cache")
def test_another_attribution_is_launched_from_a_dialog(launched: list) -> None:
    at = opened()
    assert not any(button.label == "Attribute" for button in at.button)
    click(at, "New attribution")
    click(at, "Attribute")
    assert not at.exception
    assert launched[0][1]["head"] == HEAD
    assert launched[0][1]["curvature"] == "ekfac"


@pytest.mark.usefixtures("cache")
def test_an_empty_form_does_not_launch(launched: list) -> None:
    at = opened(head="L0H0")
    for label, typed, said in (
        ("Checkpoints", " ", "Name at least one checkpoint"),
        ("Checkpoints", "10, 11", "has no checkpoint at step 11"),
        ("Checkpoints", "ten", "is not a list of steps"),
        ("Heads: whose behaviour", ",", "Name at least one head"),
        ("Heads: whose behaviour", "L7H7", "L7H7"),
    ):
        at = opened(head="L0H0")
        next(one for one in at.text_input if one.label == label).set_value(typed).run()
        assert said in words(at)
        assert not any(button.label == "Attribute" for button in at.button)
    at = opened(head="L0H0")
    next(one for one in at.number_input if one.label == "First row").set_value(80).run()
    assert "are not rows of study" in words(at)
    assert not launched


@pytest.mark.usefixtures("cache")
def test_read_only_shows_everything_and_launches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    at = opened()
    assert shown(at)
    assert not any(button.label in ("Attribute", "New attribution") for button in at.button)
    at = opened(head="L0H0")
    assert "read-only" in words(at)
    assert not any(button.label == "Attribute" for button in at.button)


@pytest.mark.usefixtures("cache")
def test_a_running_and_a_failed_job_are_shown_beside_the_rows() -> None:
    stopped_job("attribute", "failed", "there is *no* step 7")
    at = opened()
    assert r"there is \*no\* step 7" in words(at)
    assert shown(at)
    me = psutil.Process()
    job = new_job("attribute", {"study": "demo", "steps": [20]}, "demo")
    job.write_status(
        JobStatus(
            state="running", stage="attribute", fraction=0.3, heartbeat=time.time(), pid=me.pid,
            process_started=me.create_time(),
        )
    )  # fmt: skip
    at = opened()
    assert not at.exception
    assert any(f"cancel-{job.id}" == button.key for button in at.button)
    assert shown(at)


@pytest.mark.usefixtures("fresh")
def test_low_reliability_is_a_warning(cache: Path, attribution: str) -> None:
    weak: dict[str, Any] = {"probe_halves": 0.31, "label_seeds": None, "rows": 40, "by_head": {}}
    change(cache / "demo" / "attributions" / attribution / "manifest.json", reliability=weak)
    at = opened()
    told = " ".join(str(warning.value) for warning in at.warning)
    assert "Low reliability" in told
    assert r"0\.31" in told
    assert "**Unreliable ranking**" in words(at)
    assert shown(at)


@pytest.mark.usefixtures("fresh")
def test_rows_that_the_study_no_longer_has_are_one_sentence(cache: Path) -> None:
    change(cache / "demo" / "study" / "manifest.json", rows=70)
    at = opened()
    assert not at.exception
    assert "the study has 70 now" in words(at).replace("\\", "")


@pytest.mark.usefixtures("fresh")
def test_a_study_without_kinds_or_tokenizer(cache: Path) -> None:
    shutil.rmtree(cache / "demo" / "study" / "tokenizer")
    change(cache / "demo" / "study" / "manifest.json", kinds=None)
    study = Study.open("demo")
    run = [int(token) for token in study.rows[45, 3:6]]
    at = opened(share="50", find=" ".join(map(str, run)))
    assert not at.exception
    assert 45 in shown(at) or len(shown(at)) == 10
    assert at.text_input(key="find").label == "Find token ids"
    assert not any(one.key == "kinds" for one in at.button_group)
    assert "the vocabulary has no “word”" in words(opened(find="word"))
    told = words(opened(part="kinds"))
    assert "There is no figure 'kinds'" in told
    groups = set(reads.composition(study, list_attributions("demo")[0], 0.2)["group"])
    assert groups == {"all rows", reads.TOP, reads.BOTTOM, reads.RANDOM, reads.SAME_REPETITION}


@pytest.mark.usefixtures("fresh")
def test_rows_of_2048_tokens_are_cut_until_somebody_asks(cache: Path) -> None:
    study = Study.open("demo")
    tokens = np.tile(np.asarray(study.rows), 63)[:, :2049]
    kinds = torch.from_numpy(np.array(study.kinds))
    path = study.folder / ROWS
    path.unlink()
    write_tensors(path, {"tokens": torch.from_numpy(np.ascontiguousarray(tokens)), "kinds": kinds})
    change(cache / "demo" / "study" / "manifest.json", seq_len=2048)
    at = opened()
    assert not at.exception
    assert sum("more tokens" in body for body in bodies(at)) == 8
    assert max(map(len, bodies(at))) < 200_000


# pure pieces


@pytest.mark.usefixtures("cache")
def test_runs_are_read_with_and_without_a_space() -> None:
    study = Study.open("demo")
    assert study.tokenizer is not None
    the = study.tokenizer.convert_tokens_to_ids(" the")
    assert runs_of(study, "the").runs == [[the]]
    assert runs_of(study, "  ").runs == []
    assert runs_of(study, "the zebra").unknown == ["zebra"]
    name = study.pieces(41)[5]
    for text in (name, "Bari", "("):
        for run in runs_of(study, text).runs:
            held = rows_holding(study, 40, 80, [run])
            slow = [r for r in range(40, 80) if f",{','.join(map(str, run))}," in f",{_joined(study, r)},"]
            assert held.tolist() == slow


def _joined(study: Study, row: int) -> str:
    return ",".join(map(str, study.rows[row].tolist()))


@pytest.mark.parametrize("kinds", [["a"], ["a,b", "c d"], ["100 %", "ü&", ""]])
def test_kinds_survive_the_address(kinds: list[str]) -> None:
    assert parse_kinds(kinds_text(kinds), [*kinds, "other"]) == kinds
    assert parse_kinds("unknown", kinds) is None


def test_numbers_of_the_address_are_bounded() -> None:
    assert [parse_share(text) for text in ("10", "0.1", "50", "51", "0", "nan", "x", "9" * 400)] == [
        10.0, 0.1, 50.0, None, None, None, None, None,
    ]  # fmt: skip
    assert [parse_step(text) for text in ("12", "-1", "1e3", "9" * 13)] == [12, None, None, None]
    assert [parse_repeated(text) for text in ("0-100", "20-20", "30-20", "0-101", "a-b")] == [
        (0, 100), (20, 20), None, None, None,
    ]  # fmt: skip


def test_reliability_in_words() -> None:
    def line(halves: float | None, seeds: float | None) -> str:
        return trust_line({"probe_halves": halves, "label_seeds": seeds, "rows": 2048})

    assert line(0.98, 0.99).startswith("**Reliable ranking**: two halves of the probe agree at **0.98**")
    assert line(0.85, 0.99).startswith("**Fairly reliable")
    assert line(0.98, 0.5).startswith("**Unreliable")
    assert "an undefined value" in line(float("nan"), None)


def test_time_is_told_by_what_was_done_before() -> None:
    def one(seconds: float, rows: int, steps: int, curvature: str, fit_rows: int) -> Any:
        spec = {"curvature": curvature, "fit_rows": fit_rows}
        manifest = SimpleNamespace(seconds=seconds, result={"rows": rows}, spec=spec)
        return SimpleNamespace(manifest=manifest, steps=list(range(steps)))

    # 2,000, 500 and 1,000 rows that passed: 0.05, 0.1 and 0.9 s each
    past: list[Attribution] = [
        one(100, 1000, 2, "identity", 7), one(50, 100, 1, "ekfac", 100), one(900, 1000, 1, "identity", 7),
    ]  # fmt: skip
    assert rows_passed(100, 1, "ekfac", 100) == 500
    assert expected_seconds(past, 500, 2, "identity") == pytest.approx(100)
    assert expected_seconds(past, 4000, 1, "ekfac") == pytest.approx(0.1 * (4000 + 4 * 2048))
    assert expected_seconds([], 500, 2, "ekfac") is None


@pytest.mark.usefixtures("cache")
def test_the_form_begins_around_the_birth() -> None:
    study = Study.open("demo")
    levels = dict(zip(range(0, 24, 2), [0.0] * 6 + [0.5] * 6, strict=True))
    history = pd.DataFrame(
        [{"step": step, "layer": 1, "head": 0, "prefix_matching": level} for step, level in levels.items()]
    )
    found = propose(study, "L1H0", "prefix_matching", births(history))
    assert found.born is not None
    assert 8 < found.born < 14
    assert found.steps == [0, 10]
    assert found.rows[0] < found.born * study.facts.batch_size < found.rows[1] <= study.facts.trained
    assert propose(study, "L0H0", "prefix_matching", births(history)).born is None


def test_matches_of_a_query_can_be_taken_along() -> None:
    table = pd.DataFrame({"row": [7, 8, 9], "step": 1, "score": [0.1, 3.0, -1.0], "repeated": [0.0, 0.5, 1.0]})
    ranking = ranked(table)
    found = select(ranking, RowQuery(share=0.5, repeated=(0.5, 1.0)))
    taken = matching_scores(table, ranking, found)
    assert taken["row"].tolist() == [8, 9]
    assert taken["rank"].tolist() == [1, 3]
