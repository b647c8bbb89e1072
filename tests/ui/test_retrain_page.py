"""The page of retrains in all its states: nothing there yet, running, stopped, done, stale, read-only."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from retraining import HEAD, PAGE, button, opened, plain, popovers

from mda.jobs.files import Job, JobStatus, new_job
from mda.progress import Progress
from mda.store.atomic import write_json
from mda.store.identity import identity
from mda.store.tables import append_jsonl, write_parquet
from mda.studies.retrains import METRICS, list_retrains
from mda.studies.study import Study
from mda.ui.retrain.experiments import group_retrains
from mda.workflows.retrain import RetrainRequest, retrain
from pages import go, stopped_job, words


def remove_baselines(cache: Path, replicate: str = "*") -> None:
    for folder in (cache / "demo" / "retrains").glob(f"baseline*_r{replicate}-*"):
        if folder.is_dir():
            shutil.rmtree(folder)


def running_job(arguments: dict, study: str = "demo") -> Job:
    job = new_job("retrains", arguments, study)
    me = psutil.Process()
    job.write_status(
        JobStatus(
            state="running", stage="arm 2 of 3", fraction=0.4, seconds_left=120, heartbeat=time.time(),
            pid=os.getpid(), process_started=me.create_time(),
        )
    )  # fmt: skip
    return job


@pytest.fixture(scope="module")
def with_births(filled: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The filled cache with arms of a second fraction and with controls, and with curves in which heads are born.

    L1H0 and L1H1 at step 14, in the top arms 20 steps later for a share of 1, in the others 6.
    """
    cache = tmp_path_factory.mktemp("births") / "cache"
    shutil.copytree(filled[0], cache)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MDA_CACHE", str(cache))
        window = {"study": "demo", "from_step": 10, "to_step": 16, "until": 20, "every": 2}
        for replicate in (0, 1):
            for select, fraction in (("top", 0.1), ("random", 0.1), ("random", 0.2), ("matched-kind", 0.2)):
                chosen = {"select": select, "fraction": fraction, "attribution": filled[1]}
                retrain(
                    RetrainRequest.model_validate(
                        {**window, **chosen, "action": "remove", "replicate": replicate}
                    ),
                    Progress(),
                )
        for one in list_retrains("demo"):
            spec, table = one.manifest.spec, one.metrics()
            later = (20 if spec["select"] == "top" else 6) * (spec["fraction"] or 0)
            middle = 14 + later + 0.1 * spec["replicate"] * (1 + later)
            rising = 0.8 / (1 + np.exp(-2 * (table["step"] - middle)))
            table["prefix_matching"] = np.where(table["head"].str.startswith("L1"), rising, 0.01)
            table["previous_token"] = 0.01
            write_parquet(table, one.folder / METRICS)
    return cache


@pytest.fixture
def born(with_births: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the cache with births, in use."""
    copy = tmp_path / "cache"
    shutil.copytree(with_births, copy)
    monkeypatch.setenv("MDA_CACHE", str(copy))
    return copy


@pytest.mark.usefixtures("born")
def test_the_comparison_tells_delays_their_controls_and_doses() -> None:
    at = go(PAGE, **HEAD)
    assert not at.exception
    said = plain(at)
    assert at.button_group(key="retrains").value  # both fractions of the newest kind
    assert "Removing the top 20 % of rows from steps 10 to 16 delayed the birth of L1H0 and L1H1 by" in said
    assert "more than each of its 2 controls" in said
    assert "more than its control: random rows +" in said
    assert "Each further per cent of the rows shifts the birth of L1H0 + L1H1 by" in said
    assert "With 2 they are too narrow" in said
    table = next(frame.value for frame in at.dataframe if "delay in steps [95 %]" in frame.value)
    assert table["heads"].iloc[0] == "L1H0 + L1H1"
    first = table[table["heads"] == "L1H0 + L1H1"]
    assert first["arm"].tolist() == ["top", "random", "top", "random", "matched by kind"]
    assert first["experiment"].tolist() == ["Remove 10 %"] * 2 + ["Remove 20 %"] * 3
    at.selectbox(key="of").select("L1H1").run()
    assert "delayed the birth of L1H1 by" in plain(at)
    assert at.query_params["of"] in ("L1H1", ["L1H1"])


@pytest.mark.usefixtures("born")
def test_single_arms_can_be_left_out_and_the_address_says_so() -> None:
    at = go(PAGE, **HEAD)
    every = at.session_state["arms"]
    at.session_state["arms"] = [arm for arm in every if arm.endswith(".top")]
    at.run()
    assert "Arms: 2 of 5" in popovers(at)
    assert "as many random rows" not in plain(at)
    (address,) = [at.query_params["arms"]] if isinstance(at.query_params["arms"], str) else at.query_params["arms"]
    again = go(PAGE, arms=address, retrains=",".join(at.button_group(key="retrains").value), **HEAD)
    assert "Arms: 2 of 5" in popovers(again)
    at.button_group(key="retrains").set_value(at.button_group(key="retrains").value[:1]).run()
    assert not at.exception
    assert "Dose and response" not in plain(at)


@pytest.mark.usefixtures("born")
def test_experiments_of_different_schedules_are_told_and_shown_side_by_side(attribution: str) -> None:
    window = {"study": "demo", "from_step": 10, "to_step": 14, "until": 20, "every": 2}
    retrain(RetrainRequest.model_validate({**window, "action": "baseline"}), Progress())
    chosen = {"select": "top", "fraction": 0.2, "attribution": attribution}
    retrain(RetrainRequest.model_validate({**window, **chosen, "action": "remove"}), Progress())
    at = go(PAGE, **HEAD)
    every = group_retrains(list_retrains("demo"), [], Study.open("demo").manifest.identity)
    at.button_group(key="retrains").set_value([one.key for one in every]).run()
    assert not at.exception
    assert "2 different windows or schedules" in plain(at)
    assert "share only the axis of steps" in plain(at)


@pytest.mark.usefixtures("born")
def test_how_it_was_run_lists_retrains_and_their_rows() -> None:
    at = go(PAGE, **HEAD)
    at.session_state["how-it-was-run"] = True
    at.run()
    assert not at.exception
    assert "How it was run: 10 retrains" in [box.label for box in at.expander]
    tables = [frame.value for frame in at.dataframe]
    assert any("id" in table and len(table) == 10 for table in tables)
    assert tables[-1]["row"].iloc[0].startswith("Row?")


@pytest.mark.usefixtures("born")
def test_where_no_head_is_born_into_the_score_the_page_says_so() -> None:
    at = go(PAGE, head="L1H1", probe="previous_token")
    assert not at.exception
    assert "No head is born into previous token in the baselines" in plain(at)
    assert "Heads are born into prefix matching" in plain(at)


@pytest.mark.usefixtures("cache")
def test_the_comparison_says_what_it_shows() -> None:
    at = go(PAGE, **HEAD)
    assert not at.exception
    said = plain(at)
    assert "Remove 20 % by prefix matching of L1H1, steps 10 to 16" in str(at.button_group(key="retrains").options)
    assert "rank agreement (Spearman)" in said
    assert "**Curves**" in said
    for shown in ("heads", "losses", "icl", "head"):
        at.session_state["shown"] = shown
        at.run()
        assert not at.exception
        assert at.query_params["shown"] in (shown, [shown])


@pytest.mark.usefixtures("cache")
def test_unknown_retrains_in_the_address_are_told() -> None:
    run = next(one for one in list_retrains("demo") if one.attribution)
    at = go(PAGE, retrains=f"{run.id},nothing", **HEAD)
    assert "There is no retrain nothing here" in plain(at)
    assert len(at.button_group(key="retrains").value) == 1  # the experiment of the one that is there
    at = go(PAGE, retrains="![x](http://example.org/x.png)", arms="a.b", of="L9H9", shown="no", **HEAD)
    assert not at.exception
    assert "![x]" not in words(at)


@pytest.mark.usefixtures("cache")
def test_no_experiment_chosen() -> None:
    at = go(PAGE, **HEAD)
    at.button_group(key="retrains").set_value([]).run()
    assert "Choose at least one experiment" in plain(at)
    assert not at.exception


def test_a_missing_baseline_is_told_and_made_by_a_button(cache: Path, launched: list) -> None:
    remove_baselines(cache, "1")
    at = go(PAGE, **HEAD)
    assert not at.exception
    assert "1 retrain (replicate 1) cannot be compared" in plain(at)
    assert "--action baseline --replicate 1" in plain(at)
    button(at, "Train the missing baseline").click().run()
    (arm,) = launched[0][1]["arms"]
    assert (arm["action"], arm["replicate"], arm["from_step"], arm["until"]) == ("baseline", 1, 10, 20)
    remove_baselines(cache)
    assert "2 retrains (replicate 0, 1) cannot be compared" in plain(go(PAGE, **HEAD))


def test_without_an_attribution_the_way_is_shown(cache: Path) -> None:
    shutil.rmtree(cache / "demo" / "attributions")
    shutil.rmtree(cache / "demo" / "retrains")
    at = go(PAGE, **HEAD)
    assert not at.exception
    assert "has no attribution yet" in plain(at)
    assert "Nothing has been retrained yet" in plain(at)


def test_without_its_attribution_a_retrain_is_still_shown(cache: Path) -> None:
    shutil.rmtree(cache / "demo" / "attributions")
    at = go(PAGE, **HEAD)
    assert not at.exception
    assert "by an attribution that is gone" in str(at.button_group(key="retrains").options)
    assert "attribution that chose rows is gone" in plain(at)


def test_baselines_alone_are_no_experiment(cache: Path) -> None:
    for folder in (cache / "demo" / "retrains").glob("remove*"):
        shutil.rmtree(folder, ignore_errors=True)
    at = go(PAGE, **HEAD)
    assert not at.exception
    assert "No arm has changed any rows yet" in plain(at)


def test_retrains_of_an_earlier_study_are_told(cache: Path) -> None:
    for path in (cache / "demo" / "retrains").glob("*/manifest.json"):
        content = json.loads(path.read_text())
        content["spec"]["study"] = "another"
        content["identity"] = identity(content["spec"])
        write_json(path, content)
    at = opened()
    assert not at.exception
    assert "made for an earlier study named" in plain(at)
    assert "the first arm will tell" in plain(at)  # nothing of this study was measured


def test_read_only_shows_and_starts_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remove_baselines(cache, "1")
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    at = go(PAGE, picked="41", **HEAD)
    assert not at.exception
    assert "read-only" in plain(at)
    assert "cannot be compared" in plain(at)
    labels = [one.label for one in at.button]
    assert not [label for label in labels if "etrain" in label or "Train" in label]
    assert "mda retrain" not in plain(at)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("state", ["failed", "cancelled", "interrupted"])
def test_a_stopped_job_can_be_resumed(state: str) -> None:
    stopped_job("retrains", state, "the disk is full")
    at = go(PAGE, **HEAD)
    assert not at.exception
    assert f"Retraining {'failed' if state == 'failed' else 'was ' + state} at 40 %" in plain(at)
    assert button(at, "Resume")


@pytest.mark.usefixtures("cache")
def test_a_running_job_is_found_and_drawn(attribution: str) -> None:
    window = {"study": "demo", "from_step": 10, "to_step": 16, "until": 20, "every": 2}
    arms = [
        {**window, "action": "baseline", "replicate": 0},
        {**window, "action": "remove", "select": "bottom", "fraction": 0.2, "attribution": attribution},
    ]
    job = running_job({"arms": arms})
    waiting = go(PAGE, **HEAD)
    assert not waiting.exception
    assert "arm 2 of 3, 40 %, about 2 min left" in str(waiting.get("progress")[0].proto)
    for step in (10, 12):
        scores = {"L1H1.prefix_matching": 0.1, "L1H1.previous_token": 0.1}
        append_jsonl(job.metrics_path, {"arm": "remove bottom 20 %", "replicate": 0, "step": step, **scores})
    at = go(PAGE, **HEAD)
    assert not at.exception
    assert "Now: remove bottom 20 %, replicate 0, step 12 of 20" in plain(at)
    spec = str(next(one.proto for one in at.get("plotly_chart")))
    assert "baseline" in spec  # it was there before the job, and is drawn with it
    assert button(at, "Cancel")


@pytest.mark.usefixtures("cache")
def test_a_job_of_a_strange_form_is_no_traceback() -> None:
    running_job({"arms": [{"study": "demo", "no_such": 1}]})
    at = go(PAGE, **HEAD)
    assert not at.exception
