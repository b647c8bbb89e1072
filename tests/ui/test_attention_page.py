"""The page of attention in every source and state; what happens inside the viewer is tested in the browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from mda.corpora.demo.vocabulary import END_OF_TEXT, demo_tokenizer
from mda.heads.geometry import Head
from mda.studies.study import Study
from mda.ui.attention.page import strongest_table
from mda.ui.attention.prompt import read_prompt
from mda.ui.attention.sources import TokenSequence
from mda.ui.frame import models
from pages import go, words

PAGE = "pages/2_Attention.py"

pytestmark = pytest.mark.usefixtures("cache")


def shown(at: AppTest) -> list[dict[str, Any]]:
    """What the components were sent: viewers first, thumbnails last."""
    assert not at.exception, at.exception
    found = at.get("bidi_component")
    return [json.loads(element.proto.json) for element in found]


def test_a_random_sequence_comes_first_and_a_link_says_which() -> None:
    at = go(PAGE)
    viewer, thumbnails = shown(at)
    assert viewer["head"] == at.selectbox(key="head").value
    assert viewer["steps"] == [20]
    assert viewer["scores"][0] is not None
    assert viewer["copies"] == [1, 16]  # the longest period that fits into 32 tokens
    assert viewer["ids"][1:16] == viewer["ids"][16:]
    assert len({*viewer["ids"]}) == 16
    assert [head["name"] for head in thumbnails["heads"]] == ["L0H0", "L0H1", "L1H0", "L1H1"]
    assert thumbnails["selected"] == viewer["head"]
    for key, value in (("source", "random"), ("period", "15"), ("draw", "0"), ("versus", "off")):
        assert at.query_params[key] in (value, [value])
    other = shown(go(PAGE, period="6", draw="3"))[0]
    assert other["copies"] == [1, 7]
    assert shown(go(PAGE, period="6", draw="3"))[0]["ids"] == other["ids"]
    assert shown(go(PAGE, period="6", draw="4"))[0]["ids"] != other["ids"]


def test_a_row_is_shown_as_the_model_reads_it() -> None:
    at = go(PAGE, source="row", row="7")
    viewer = shown(at)[0]
    study = Study.open("demo")
    assert viewer["ids"] == study.rows[7][:-1].tolist()
    assert "".join(viewer["tokens"]).replace("↵", "") == "".join(study.pieces(7)[:-1])
    assert "Row 7" in words(at)
    assert "trained on at step 1" in words(at)
    at.number_input(key="row").set_value(90).run()
    assert "never trained on" in words(at)
    assert shown(at)[0]["ids"] == study.rows[90][:-1].tolist()
    assert at.query_params["row"] in ("90", ["90"])
    assert "period" not in at.query_params


def test_a_prompt_tells_what_the_tokenizer_does_not_know() -> None:
    at = go(PAGE, source="prompt", text=" the river *sings*")
    told = words(at)
    assert "does not know" in told
    assert r"“\*”" in told
    viewer = shown(at)[0]
    assert viewer["ids"][0] == 0
    assert viewer["tokens"][1:3] == [" the", " river"]
    assert viewer["focus"] == len(viewer["ids"]) - 1
    at.text_area(key="text").set_value(" the river").run()
    assert "does not know" not in words(at)
    assert at.query_params["text"] in (" the river", [" the river"])
    at.text_area(key="text").set_value(" the" * 40).run()
    assert len(shown(at)[0]["ids"]) == 32  # as the model was trained
    assert "The last 9 are left out" in words(at)
    at.text_area(key="text").set_value("").run()
    assert not shown(at)
    assert "Type a prompt" in words(at)


def test_two_panes_compare_heads_or_steps() -> None:
    one, other, _ = shown(go(PAGE, head="L1H1", step="20", versus="head:L0H1"))
    assert (one["head"], other["head"]) == ("L1H1", "L0H1")
    assert one["steps"] == other["steps"] == [20]
    assert one["group"] == other["group"]
    assert one["sequence"] == other["sequence"]
    assert one["patterns"] != other["patterns"]
    one, other, thumbnails = shown(go(PAGE, head="L1H1", step="20", versus="step:0"))
    assert (one["head"], other["head"]) == ("L1H1", "L1H1")
    assert (one["steps"], other["steps"]) == ([20], [0])
    assert thumbnails["selected"] == "L1H1"


def test_the_birth_reads_all_checkpoints_and_holds_two_models() -> None:
    models._held.clear()
    at = go(PAGE, birth="yes", step="10", head="L1H0", source="row", row="3")
    viewer = shown(at)[0]
    assert viewer["steps"] == [0, 10, 20]
    assert viewer["selected"] == 1
    assert all(score is not None for score in viewer["scores"])
    assert len(models._held) <= models.HELD
    at.select_slider(key="step").set_value(20).run()
    after = shown(at)[0]
    assert after["selected"] == 2
    assert after["digest"] == viewer["digest"]  # the browser keeps its place
    at.toggle(key="birth").set_value(False).run()
    assert shown(at)[0]["steps"] == [20]
    assert "birth" not in at.query_params


def test_links_that_mean_nothing_here_are_told_and_bounded() -> None:
    at = go(PAGE, source="no such", period="9999999999999999", draw="-1", versus="head:L9H9", birth="perhaps")
    told = words(at)
    for what in ("source of text 'no such'", "period '9999999999999999'", "draw '\\-1'", "comparison 'head"):
        assert f"There is no {what}" in told
    assert at.number_input(key="period").value == 15
    assert at.number_input(key="draw").value == 0
    assert len(shown(at)) in (2, 3)
    for asked, row in (("123456", 95), ("-3", 0), ("1e99", 0), ("٣", 0)):
        at = go(PAGE, source="row", row=asked)
        assert "There is no row" in words(at)
        assert shown(at)[0]["ids"] == Study.open("demo").rows[row][:-1].tolist()


def test_a_study_without_tokenizer_or_scores_shows_ids(cache: Path) -> None:
    shutil.rmtree(cache / "demo" / "study" / "tokenizer")
    shutil.rmtree(cache / "demo" / "heads")
    streamlit.cache_data.clear()  # of the tests before
    at = go(PAGE, source="prompt", text="the")
    assert "There is no source of text 'prompt'" in words(at)
    viewer, thumbnails = shown(at)
    assert viewer["tokens"][0] == "0 "
    assert viewer["scores"] == [None]
    assert {head["score"] for head in thumbnails["heads"]} == {None}


def test_text_that_would_be_markup_stays_text() -> None:
    at = go(PAGE, source="prompt", text="![x](http://example.org/x.png) $x$ <b>")
    assert not at.exception
    assert "](http" not in words(at)
    assert not at.error


def test_unknown_pieces_are_those_that_became_the_unknown_token() -> None:
    read = read_prompt(f" the Qux{END_OF_TEXT} river Qux ñ", demo_tokenizer(), 0, 100)
    assert read.unknown == ["Qux", " ", "ñ"] or read.unknown == ["Qux", "ñ"]
    assert read.cut == 0
    assert read_prompt(" the" * 10, demo_tokenizer(), 0, 4).cut == 7


def test_the_table_holds_the_strongest_keys_of_every_token() -> None:
    study = Study.open("demo")
    ids = np.array(study.rows[3][:-1], dtype=np.int64)
    table = strongest_table(study, Head(1, 1), 10, TokenSequence(ids, study.pieces(3)[:-1], ""))
    assert list(table.columns) == ["query", "query token", "key", "key token", "weight"]
    assert (table["key"] <= table["query"]).all()
    assert table["query"].nunique() == 32
    assert (table.groupby("query").size() == np.minimum(np.arange(32) + 1, 8)).all()
    assert table["key token"].tolist() == [study.pieces(3)[key] for key in table["key"]]
    assert (table.groupby("query")["weight"].sum() <= 1 + 1e-6).all()
