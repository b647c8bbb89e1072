"""What the page of retrains plans, what it costs, and which of it is there already."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mda.errors import UserError
from mda.progress import Progress
from mda.store.artefact import Manifest
from mda.studies.retrains import Retrain, list_retrains
from mda.studies.study import Study
from mda.ui.retrain.cost import Pace, building_pace, duration, measured_pace
from mda.ui.retrain.experiments import arm_key, experiment_key, group_retrains, titles
from mda.ui.retrain.plan import (
    Schedule,
    default_schedule,
    looks_every,
    missing_baselines,
    parse_fractions,
    parse_picked,
    plan_arms,
    planned_keys,
    replicate_numbers,
    rows_text,
    stored_arms,
)
from mda.workflows.compare import compare_schedules
from mda.workflows.retrain import RetrainRequest, retrain

SHORT = Schedule(10, 12, 14, 2)


def stored(seconds: float = 10.0, **changed: Any) -> Retrain:
    """A retrain as its manifest tells of it."""
    spec = {
        "study": "s", "weights": "w", "from": 400, "to": 700, "until": 1000, "every": 50, "action": "remove",
        "select": "top", "fraction": 0.1, "attribution": "s500_L1H0-abcd1234", "changed_rows": "r", "replicate": 0,
        **changed,
    }  # fmt: skip
    manifest = Manifest(
        kind="retrain", spec=spec, identity=str(spec), code_version="", created=datetime.now(UTC), seconds=seconds,
        hardware={}, result={"rows": 960},
    )  # fmt: skip
    return Retrain("demo", f"arm-{hash(str(spec))}", manifest, Path())


@pytest.fixture
def demo(cache: Path) -> Study:
    return Study.open("demo")


def test_fractions_are_read_in_per_cent() -> None:
    assert parse_fractions("20 5, 10 %, 5") == [0.05, 0.1, 0.2]
    assert parse_fractions("5, 0.5") == [0.005, 0.05]
    for typed in ("0", "51", "nan", "1e999", "x", "-3", "", "1 2 3 4 5 6 7 8"):
        with pytest.raises(UserError):
            parse_fractions(typed)


def test_picked_rows_are_read_and_bounded(demo: Study) -> None:
    assert parse_picked("41, 40 43:46,41", demo) == (40, 41, 43, 44, 45)
    assert parse_picked(" ,", demo) == ()
    for typed in ("80", "96", "-1", "4:4", "5:2", "a", "@/etc/passwd", "1e3", "0:999999999999", "12.5", "<b>"):
        with pytest.raises(UserError):
            parse_picked(typed, demo)


@given(st.sets(st.integers(0, 79), max_size=40))
def test_rows_are_written_as_they_are_read(rows: set[int]) -> None:
    study = SimpleNamespace(facts=SimpleNamespace(held_out=(80, 96), rows=96, batch_size=4))
    assert parse_picked(rows_text(rows), cast(Study, study)) == tuple(sorted(rows))


def test_replicates_that_have_a_baseline_come_first() -> None:
    assert replicate_numbers(3, []) == [0, 1, 2]
    assert replicate_numbers(3, [3, 1, 2]) == [1, 2, 3]
    assert replicate_numbers(3, [7]) == [0, 1, 7]
    assert replicate_numbers(2, [1, 2, 3]) == [1, 2]
    assert replicate_numbers(4, [0, 1]) == [0, 1, 2, 3]


def test_arms_come_with_their_baseline_first_in_every_replicate() -> None:
    arms = plan_arms("demo", "remove", ["top", "random"], SHORT, [1, 4], [0.05, 0.1], "some")
    assert len(arms) == 2 * (1 + 2 * 2)
    assert [(arm.action, arm.select, arm.fraction) for arm in arms[:5]] == [
        ("baseline", None, None),
        ("remove", "top", 0.05), ("remove", "random", 0.05), ("remove", "top", 0.1), ("remove", "random", 0.1),
    ]  # fmt: skip
    assert {arm.replicate for arm in arms[5:]} == {4}
    for selections, schedule in (
        ([], SHORT),
        (["top"], Schedule(10, 10, 14, 2)),
        (["top"], Schedule(10, 14, 12, 2)),
    ):
        with pytest.raises(UserError):
            plan_arms("demo", "remove", selections, schedule, [0], [0.1], "some")


def test_the_schedule_begins_with_one_that_has_baselines(demo: Study) -> None:
    fresh = default_schedule(demo, (40, 80))
    assert (fresh.start, fresh.stop) == (10, 20)
    earlier = [stored(**{"from": 10, "to": 16, "until": 20, "every": 2})]
    assert default_schedule(demo, (40, 80), earlier) == Schedule(10, 16, 20, 2)  # inside
    assert default_schedule(demo, (44, 45), earlier) == Schedule(10, 16, 20, 2)  # around
    assert default_schedule(demo, (70, 71), earlier).start == 10
    assert default_schedule(demo, (70, 71), earlier).stop == 18  # the row's own step is 17


def test_planned_arms_are_recognised_once_they_are_stored(demo: Study, attribution: str) -> None:
    """Named rows with their control: the digest in the plan is the one that the workflow stores."""
    arms = plan_arms("demo", "remove", ["rows", "random"], SHORT, [1], rows=(41, 47, 46))
    assert stored_arms(arms, list_retrains("demo"), demo) == [None] * 3
    results = [retrain(arm, Progress()) for arm in arms]
    found = list_retrains("demo")
    assert [one and one.id for one in stored_arms(arms, found, demo)] == [result["id"] for result in results]
    experiments = group_retrains(found, [], demo.manifest.identity)
    mine = next(one for one in experiments if one.key in planned_keys(arms, demo))
    assert list(mine.arms) == ["rows", "random"]
    assert mine.amount == "3 rows"
    picked, control = (mine.arms[name][0].changed_rows() for name in ("rows", "random"))
    assert picked["row"].tolist() == [41, 46, 47]
    assert control["step"].tolist() == picked["step"].tolist()
    assert not set(control["row"]) & set(picked["row"])
    # arms of an attribution, whose control also carries its id
    of_top = plan_arms("demo", "remove", ["top", "bottom"], Schedule(10, 16, 20, 2), [0, 1], [0.2], attribution)
    there = stored_arms(of_top, found, demo)
    assert [one is not None for one in there] == [True, True, False] * 2
    assert there[1] is not None
    assert planned_keys(of_top, demo) == [experiment_key(there[1])]


def test_a_control_of_named_rows_is_refused_a_fraction(demo: Study) -> None:
    asked = RetrainRequest(
        study="demo", from_step=10, to_step=12, action="remove", select="random", rows=(41,), fraction=0.1
    )
    with pytest.raises(UserError, match="leave --rows out"):
        retrain(asked, Progress())


def test_pace_tells_steps_from_looks_where_it_can() -> None:
    assert measured_pace([]) is None
    steps, look = 600, 13
    alike = measured_pace([stored(60.0), stored(66.0), stored(600.0)])
    assert alike == Pace(66 / steps, 0.0, 3)  # the median: one shared the machine
    seldom = {"every": 300}
    told = measured_pace([stored(0.1 * steps + 0.5 * look), stored(0.1 * steps + 0.5 * 3, **seldom)])
    assert told is not None
    assert (told.step, told.look) == pytest.approx((0.1, 0.5))
    arm = plan_arms("demo", "remove", ["top"], Schedule(0, 50, 100, 10), [0], [0.1], "a")
    assert told.seconds(arm) == pytest.approx(2 * (100 * 0.1 + 11 * 0.5))
    noisy = measured_pace([stored(100.0), stored(20.0, **seldom), stored(1.0, until=701)])
    assert noisy is not None
    assert min(noisy.step, noisy.look) >= 0


def test_durations_are_rounded_to_what_they_deserve(demo: Study) -> None:
    assert [duration(seconds) for seconds in (0.2, 40, 720, 5500)] == ["1 s", "40 s", "12 min", "1.5 h"]


@pytest.mark.parametrize("origin", ["demo", "local-text", "folder"])
def test_building_a_study_tells_the_pace_of_its_steps(demo: Study, origin: str) -> None:
    spec = {**demo.manifest.spec, "origin": origin}
    built = replace(demo, manifest=demo.manifest.model_copy(update={"spec": spec, "seconds": 120.0}))
    steps = demo.facts.trained // demo.facts.batch_size
    assert building_pace(built) == (None if origin == "folder" else Pace(120.0 / steps, 0.0, 0))


def test_missing_baselines_are_asked_for_once() -> None:
    lacking = [stored(replicate=2), stored(replicate=2, select="random"), stored(replicate=1)]
    arms = missing_baselines(lacking)
    assert [(arm.action, arm.replicate, arm.from_step, arm.until, arm.every) for arm in arms] == [
        ("baseline", 1, 400, 1000, 50), ("baseline", 2, 400, 1000, 50),
    ]  # fmt: skip


def test_experiments_are_told_apart_by_what_differs() -> None:
    runs = [
        stored(), stored(replicate=1), stored(select="random"), stored(fraction=0.05),
        stored(action="baseline", select=None, fraction=None, attribution=None),
    ]  # fmt: skip
    found = group_retrains(runs, [], "s")
    assert [one.title for one in found] == [
        "Remove 10 % by an attribution that is gone, steps 400 to 700",
        "Remove 5 % by an attribution that is gone, steps 400 to 700",
    ]
    assert titles(found) == {found[0].key: "Remove 10 %", found[1].key: "Remove 5 %"}
    assert [run.replicate for run in found[0].arms["top"]] == [0, 1]
    assert found[0].series == found[1].series
    later = group_retrains([stored(), stored(until=1200, study="old")], [], "s")
    assert (
        titles(later)[later[1].key]
        == "Remove 10 %, until 1,200, a look every 50, in an earlier study of this name"
    )
    of_two = [stored(), stored(select="rows", fraction=None, attribution=None)]
    assert set(titles(group_retrains(of_two, [], "s")).values()) == {
        "Remove 10 %, by an attribution that is gone", "Remove 960 rows, picked by hand",
    }  # fmt: skip
    others = group_retrains([stored(), stored(attribution="s500_L1H0-ffff0000")], [], "s")
    assert sorted(titles(others).values()) == ["Remove 10 %, abcd1234", "Remove 10 %, ffff0000"]


def test_arms_of_different_schedules_are_held_against_their_own_baselines(demo: Study, attribution: str) -> None:
    other = Schedule(10, 16, 20, 5)
    for arm in plan_arms("demo", "remove", ["top"], other, [0], [0.2], attribution):
        retrain(arm, Progress())
    found = list_retrains("demo")
    arms = [one for one in found if one.attribution]
    runs, lacking = compare_schedules(arms, found, arm_key)
    assert not lacking
    assert runs["arm"].nunique() == 2
    alone, lacking = compare_schedules(arms, [one for one in found if one.schedule[4] == 5], arm_key)
    assert len(lacking) == 2
    assert alone["arm"].nunique() == 1
    same = runs[runs["arm"] == alone["arm"].iloc[0]]
    assert np.allclose(same["final"], alone["final"])
    assert compare_schedules(arms, [], arm_key)[0].empty


def test_looks_are_at_round_steps() -> None:
    assert [looks_every(steps) for steps in (1050, 600, 10, 1, 10**6)] == [50, 25, 1, 1, 1000]
