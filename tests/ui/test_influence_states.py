"""The page of influence where something is missing, runs, failed, or is larger than usual."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from influencing import HEAD, bodies, change, click, opened, shown

from mda.jobs.files import JobStatus, new_job
from mda.store.tensors import write_tensors
from mda.studies.attributions import list_attributions
from mda.studies.study import ROWS, Study
from mda.ui.influence import reads
from pages import stopped_job, words


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
    kinds = torch.from_numpy(study.kind_codes(np.arange(len(study.rows))))
    path = study.folder / ROWS
    path.unlink()
    write_tensors(path, {"tokens": torch.from_numpy(np.ascontiguousarray(tokens)), "kinds": kinds})
    change(cache / "demo" / "study" / "manifest.json", seq_len=2048)
    at = opened()
    assert not at.exception
    assert sum("more tokens" in body for body in bodies(at)) == 8
    assert max(map(len, bodies(at))) < 200_000
