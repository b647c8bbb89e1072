"""The form of the page of retrains: what it says, refuses, fills in and launches."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from retraining import HEAD, PAGE, button, opened, plain

from mda.progress import Progress
from mda.studies.retrains import list_retrains
from mda.studies.study import Study
from mda.ui.retrain.experiments import group_retrains
from mda.workflows.retrain import RetrainRequest, retrain
from pages import go


@pytest.mark.usefixtures("cache")
def test_the_form_says_what_it_will_do_and_does_that(launched: list, attribution: str) -> None:
    at = opened(attribution=attribution)
    assert not at.exception
    said = plain(at)
    assert "**15 arms**, one after another: 4 that remove **2 of the window's 24 rows**" in said
    assert "2 of these exist already and cost nothing" in said  # the baselines of both replicates
    assert "measured on 4 earlier arms of this study" in said
    assert "2 of the window's 24 rows, trained on in steps" in said  # which rows
    assert len(at.dataframe[0].value) == 2
    assert at.dataframe[0].value["row"].iloc[0].startswith("Row?")
    button(at, "Retrain").click().run()
    command, arguments, study = launched[0]
    assert (command, study, len(arguments["arms"])) == ("retrains", "demo", 15)
    assert arguments["arms"][0]["action"] == "baseline"
    assert arguments["arms"][1]["attribution"] == attribution
    assert button(at, "Retrain").disabled  # while it is under way


@pytest.mark.usefixtures("cache")
def test_several_fractions_and_selections(launched: list) -> None:
    at = opened()
    at.text_input(key="fractions").set_value("10, 20").run()
    at.session_state["selections-True"] = ["top", "bottom"]
    at.run()
    assert "**15 arms**, one after another: 4 that remove **2 or 5 of the window's 24 rows**" in plain(at)
    assert "4 of these exist already" in plain(at)
    button(at, "Retrain").click().run()
    assert {arm["fraction"] for arm in launched[0][1]["arms"]} == {None, 0.1, 0.2}


@pytest.mark.usefixtures("cache")
def test_nonsense_in_the_form_is_one_sentence() -> None:
    at = opened()
    at.session_state["fractions"] = "ten"
    at.run()
    assert "'ten' is no share" in plain(at)
    at.session_state["fractions"] = "10"
    at.session_state["selections-True"] = []
    at.run()
    assert "Choose at least one selection" in plain(at)
    at.session_state["selections-True"] = ["top"]
    stop = next(one for one in at.number_input if one.label == "Change rows until step")
    stop.set_value(5).run()
    assert "must come after the one before" in plain(at)
    stop = next(one for one in at.number_input if one.label == "Change rows until step")
    stop.set_value(16).run()
    next(one for one in at.selectbox if one.label == "Start from checkpoint").select(0).run()
    assert "choose a window inside steps 10 to 20" in plain(at)
    assert not at.exception


@pytest.mark.usefixtures("cache")
def test_picked_rows_are_held_against_a_control(launched: list) -> None:
    at = go(PAGE, picked="41,44:46", **HEAD)
    assert not at.exception
    assert "**9 arms**, one after another: 2 that remove **3 of the window's 24 rows**" in plain(at)
    assert "held against as many random others" in plain(at)
    button(at, "Retrain").click().run()
    arms = launched[0][1]["arms"]
    assert [arm["select"] for arm in arms[:3]] == [None, "rows", "random"]
    assert arms[1]["rows"] == arms[2]["rows"] == [41, 44, 45]


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("picked", ["<script>", "9999999", "5:1", "@/etc/passwd"])
def test_picked_rows_from_the_address_are_checked(picked: str) -> None:
    at = go(PAGE, picked=picked, **HEAD)
    assert not at.exception
    assert len(at.error) == 1
    assert "row" in plain(at)


@pytest.mark.usefixtures("cache")
def test_an_address_that_may_have_been_cut_names_no_rows() -> None:
    at = go(PAGE, picked=",".join(["41"] * 4000), **HEAD)
    assert not at.exception
    assert "more rows than an address can hold" in plain(at)
    assert "picked" not in at.query_params or not at.query_params["picked"]


@pytest.mark.usefixtures("cache")
def test_an_experiment_can_be_rerun_with_its_settings() -> None:
    top = next(one for one in list_retrains("demo") if one.attribution)
    at = go(PAGE, like=top.id, **HEAD)
    assert "All of these arms exist already" in " ".join(box.value for box in at.success)
    assert "**4 arms**, one after another: 1 that removes **5 of" in plain(at)
    button(at, "Compare them").click().run()
    assert not at.exception
    unknown = go(PAGE, like="<b>gone", **HEAD)
    assert "There is no retrain '<b>gone' here" in plain(unknown)


@pytest.mark.usefixtures("cache")
def test_rerun_with_changes_fills_the_form(attribution: str) -> None:
    window = {"study": "demo", "from_step": 10, "to_step": 14, "until": 18, "every": 2}
    for select in ("rows", "random"):
        arm = {**window, "action": "duplicate", "select": select, "rows": (41, 42, 43, 50)}
        retrain(RetrainRequest.model_validate(arm), Progress())
    at = go(PAGE, head="L0H0")
    every = group_retrains(list_retrains("demo"), [], Study.open("demo").manifest.identity)
    at.button_group(key="retrains").set_value([one.key for one in every]).run()
    button(at, "Duplicate 4 rows").click().run()
    assert not at.exception
    assert at.text_input(key="picked").value == "41:44,50"
    assert "2 that duplicate **4 of the window's 16 rows**" in plain(at)
    button(at, "Remove 20 %").click().run()
    assert not at.exception
    assert at.selectbox(key="head").value == "L1H1"  # whose attribution chose the rows
    assert at.selectbox(key="attribution").value == attribution
    assert "1 that removes **5 of the window's 24 rows**" in plain(at)
    assert at.query_params["like"]


def test_picked_rows_belong_to_their_study(cache: Path) -> None:
    shutil.copytree(cache / "demo", cache / "other")
    at = go(PAGE, picked="41,44", **HEAD)
    assert at.text_input(key="picked").value == "41,44"
    at.selectbox(key="study").select("other").run()
    assert not at.exception
    assert not at.session_state["picked"]
