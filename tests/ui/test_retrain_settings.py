"""The page of retrains: a part of a step's rows, another rate, fresh moments, and rows in no order."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from retraining import HEAD, PAGE, button, opened, plain

from mda.progress import Progress
from mda.store.atomic import write_json
from mda.studies.retrains import find_retrain, list_retrains
from mda.studies.row_choice import RowChoice
from mda.studies.study import Study
from mda.ui.retrain.cost import measured_pace
from mda.ui.retrain.plan import Schedule, default_rows_per_step, default_schedule, plan_arms, stored_arms
from mda.workflows.retrain import RetrainRequest, retrain
from mda.workflows.retrain_pace import check_memory, trial_pace
from mda.workflows.retrain_task import RetrainTask
from pages import go

FEW = Schedule(10, 14, 16, 3, 2, 5e-4)


def number(at: Any, label: str) -> Any:
    return next(one for one in at.number_input if one.label == label)


@pytest.mark.usefixtures("cache")
def test_rows_of_a_step_and_learning_rate_are_asked_for_and_told(launched: list) -> None:
    at = opened()
    assert number(at, "Rows of a step").value == 4
    assert "noisy" not in plain(at)
    number(at, "Rows of a step").set_value(2).run()
    number(at, "Learning rate").set_value(5e-4).run()
    assert not at.exception
    said = plain(at)
    assert "1 of the window's 12 rows" in said  # two rows in each of six steps, of which a tenth
    assert "first 2 rows of its 4: a batch 2 times smaller" in said
    assert "of the whole batch" not in said
    assert "The learning rate is 0.0005 instead of the study's own." in said
    assert "trained on in steps" in said
    button(at, "Retrain").click().run()
    arms = launched[0][1]["arms"]
    assert {(arm["rows_per_step"], arm["learning_rate"]) for arm in arms} == {(2, 5e-4)}
    assert not at.exception


@pytest.mark.usefixtures("cache")
def test_a_row_that_is_not_trained_on_is_refused_in_the_form() -> None:
    at = go(PAGE, picked="41,42", **HEAD)
    number(at, "Rows of a step").set_value(2).run()
    assert "row 42 lies outside the training window" in plain(at)
    assert not at.exception


@pytest.mark.usefixtures("cache")
def test_arms_on_fewer_rows_are_recognised_compared_and_told(attribution: str) -> None:
    study = Study.open("demo")
    arms = plan_arms("demo", "remove", ["top"], FEW, [0], [0.5], attribution)
    assert [arm.rows_per_step for arm in arms] == [2, 2]
    results = [retrain(arm, Progress()) for arm in arms]
    found = list_retrains("demo")
    assert [one and one.id for one in stored_arms(arms, found, study)] == [result["id"] for result in results]
    whole = plan_arms("demo", "remove", ["top"], Schedule(10, 14, 16, 3), [0], [0.5], attribution)
    assert stored_arms(whole, found, study) == [None, None]
    top = find_retrain(results[1]["id"])
    assert Schedule.of(top) == FEW
    assert FEW.window(4).tolist() == [40, 41, 44, 45, 48, 49, 52, 53]
    at = go(PAGE, retrains=top.id, **HEAD)
    at.session_state["how-it-was-run"] = True
    at.run()
    assert not at.exception
    assert "a batch 2 times smaller" in plain(at)
    assert "4 of the window's 8 rows" in plain(at)
    table = next(frame.value for frame in at.dataframe if "rows a step" in frame.value)
    assert table[["rows a step", "learning rate"]].to_numpy().tolist() == [["2", "0.0005"]]
    like = go(PAGE, like=top.id, **HEAD)
    assert (number(like, "Rows of a step").value, number(like, "Learning rate").value) == (2, 5e-4)


@pytest.mark.usefixtures("cache")
def test_fresh_moments_are_told_beside_the_button_and_in_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mda.checkpoints.folder.OPTIMIZER", "another.safetensors")  # so that none is found
    fresh = "every arm, the baseline too, starts with fresh Adam moments"
    assert fresh not in plain(go(PAGE, **HEAD))  # the stored arms began with stored moments
    assert fresh in plain(opened())
    window = {"study": "demo", "from_step": 10, "to_step": 12, "every": 2}
    retrain(RetrainRequest.model_validate({**window, "action": "baseline"}), Progress())
    asked = {**window, "action": "remove", "select": "rows", "rows": (41,)}
    done = retrain(RetrainRequest.model_validate(asked), Progress())
    assert plain(go(PAGE, retrains=done["id"], **HEAD)).count(fresh) == 1


def test_rows_in_no_order_cannot_be_retrained(cache: Path) -> None:
    path = cache / "demo" / "study" / "manifest.json"
    content = json.loads(path.read_text())
    content["result"]["in_order"] = False
    write_json(path, content)
    at = opened()
    assert not at.exception
    assert "not in the order in which its model was trained" in plain(at)
    assert not [one for one in at.button if one.label == "Retrain"]


@pytest.mark.usefixtures("cache")
def test_the_time_can_be_measured_where_no_arm_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened()
    assert "measured on 4 earlier arms" in plain(at)
    number(at, "Rows of a step").set_value(2).run()
    assert "the first arm will tell" in plain(at)
    monkeypatch.setattr("mda.workflows.retrain_pace.trial_pace", lambda task: (0.5 * task.used_per_step, 2.0))
    button(at, "Measure how long").click().run()
    assert not at.exception
    assert "measured just now on random text" in plain(at)
    steps, looks = 15 * 10, 15 * 6  # three replicates of five arms, each ten steps and six looks
    assert f"About **{round((steps * 1.0 + looks * 2.0) / 60)} min**" in plain(at)


@pytest.mark.usefixtures("cache")
def test_a_trial_measures_steps_and_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mda.workflows.retrain_pace.TRIAL_SECONDS", 0.01)
    task = RetrainTask(RetrainRequest(study="demo", from_step=10, to_step=12, action="baseline"))
    step, look = trial_pace(task)
    assert 0 < step < 10
    assert 0 < look < 10


def test_a_model_that_cannot_be_held_is_not_tried(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mda.checkpoints.folder import read_config

    config = read_config(Study.open("demo").source.config_folder)
    check_memory(config)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1e5))
    with pytest.raises(Exception, match="more than 0 GB of memory, and 0 GB are free"):
        check_memory(config)


def test_arms_that_timed_themselves_tell_steps_from_looks() -> None:
    """Alone, and with arms that did not; both kinds agree on .1 s a step and .5 s a look."""

    def one(seconds: float, pace: dict[str, float] | None) -> Any:
        spec = {"from": 0, "until": 100, "every": 10}
        result = {"rows": 1} if pace is None else {"rows": 1, "pace": pace}
        return SimpleNamespace(manifest=SimpleNamespace(spec=spec, seconds=seconds, result=result))

    timed, untimed = one(99.0, {"step": 0.1, "look": 0.5}), one(100 * 0.1 + 11 * 0.5, None)
    for found in ([timed], [timed, untimed]):
        pace = measured_pace(found)
        assert pace is not None
        assert (pace.step, pace.look, pace.arms) == (pytest.approx(0.1), pytest.approx(0.5), len(found))


def test_the_form_begins_with_as_many_rows_as_a_laptop_bears() -> None:
    def study(size: int, length: int) -> Study:
        facts = SimpleNamespace(batch_size=size, seq_len=length, rows=size * 2000, held_out=(0, 0))
        return cast(Study, SimpleNamespace(facts=facts, steps=[0, 512, 1000]))

    pythia, demo = study(1024, 2048), study(32, 128)
    assert default_rows_per_step(pythia, None) == 8
    assert default_rows_per_step(demo, None) == 32
    assert default_rows_per_step(study(4, 100_000), None) == 1
    scored = RowChoice(start=0, stop=1024 * 600, per_step=3)
    assert default_rows_per_step(pythia, scored) == 3
    assert default_schedule(pythia, (1024 * 512, 1024 * 600), (), scored).rows_per_step == 3
    assert default_schedule(demo, (0, 3200)).rows_per_step is None
    assert default_schedule(demo, (0, 3200)).stop == 100


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((1024 * 512, 1024 * 600), (512, 576, 608)),  # the first of its steps
        ((1024 * 512, 1024 * 520), (512, 520, 552)),  # all of them
        ((1024 * 700, 1024 * 800), (512, 764, 796)),  # the checkpoint before lies far back
        ((1024 * 1995, 1024 * 2000), (1000, 2000, 2000)),
    ],
)
def test_the_form_begins_with_few_steps_where_steps_are_large(
    rows: tuple[int, int], expected: tuple[int, ...]
) -> None:
    facts = SimpleNamespace(batch_size=1024, seq_len=2048, rows=1024 * 2000, held_out=(0, 0))
    schedule = default_schedule(cast(Study, SimpleNamespace(facts=facts, steps=[0, 512, 1000])), rows)
    assert (schedule.start, schedule.stop, schedule.until) == expected
