"""Retrains on a part of each step's rows: which rows, which batches, which refusals, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import mda.workflows.retrain as work
from mda.checkpoints.folder import load_model, load_optimizer
from mda.errors import UserError
from mda.progress import Progress
from mda.studies.retrains import Retrain, find_retrain
from mda.studies.study import Study
from mda.training.loop import train
from mda.training.recipe import new_optimizer
from mda.workflows.attribute import attribute
from mda.workflows.attribution_task import AttributeRequest
from mda.workflows.head_scores import CheckpointScorer
from mda.workflows.retrain import RetrainRequest, retrain
from mda.workflows.retrain_task import RetrainTask

SCORES = ["prefix_matching", "previous_token", "duplicate_token", "first_token", "copying"]
WINDOW = {"study": "tiny", "from_step": 10, "to_step": 18, "until": 20, "every": 10}
USED = np.array([[4 * step, 4 * step + 1] for step in range(10, 20)])  # two of the four rows of each step


def arm(action: str = "baseline", **asked: Any) -> Retrain:
    request = RetrainRequest.model_validate({**WINDOW, "rows_per_step": 2, **asked, "action": action})
    return find_retrain(retrain(request, Progress())["id"])


@pytest.fixture
def attribution(study: Study) -> str:
    """Scores of the first two rows of each step, and of no others."""
    asked = AttributeRequest(
        study="tiny", steps=(10,), head="L1H1", rows=(40, 80), per_step=2, fit_rows=16, probe_sequences=16
    )
    return str(attribute(asked, Progress())["id"])


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Row numbers and weights of every step, one list a training."""
    seen: list[list[tuple[np.ndarray, np.ndarray]]] = []

    def recording(model, optimizer, plan, recipe, start, stop):
        seen.append([plan.batch(step, recipe.batch_size) for step in range(start, stop)])
        return train(model, optimizer, plan, recipe, start, stop)

    monkeypatch.setattr(work, "train", recording)
    return seen


def test_an_arm_against_a_loop_written_out(study: Study) -> None:
    """Rows [4s, 4s + 2), one removed, the loss divided by two, the study's learning rate and stored optimizer."""
    found = arm("remove", select="rows", rows=(44, 53))
    recipe = study.facts.recipe
    model = load_model(study.checkpoint(10)).requires_grad_(True)
    optimizer = new_optimizer(model, recipe)
    load_optimizer(study.checkpoint(10), model, optimizer)
    for step in range(10, 20):
        optimizer.param_groups[0]["lr"] = recipe.learning_rate
        optimizer.zero_grad()
        for row in (4 * step, 4 * step + 1):
            tokens = torch.from_numpy(study.rows[row : row + 1].astype(np.int64))
            if row not in (44, 53):
                (model(tokens, labels=tokens, use_cache=False).loss / 2).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
        optimizer.step()
    expected, losses = CheckpointScorer.of(study.facts, study.rows).score(model)
    last = found.metrics().query("step == 20")
    np.testing.assert_allclose(last[SCORES], expected[SCORES], rtol=1e-3, atol=1e-4)
    told = found.model_metrics().set_index("step").loc[20]
    assert told["validation_loss"] == pytest.approx(losses["validation_loss"], rel=1e-4)
    assert found.changed_rows()["row"].tolist() == [44, 53]
    whole = arm("remove", select="rows", rows=(44, 53), rows_per_step=None).metrics().query("step == 20")
    assert np.abs(whole[SCORES].to_numpy() - expected[SCORES].to_numpy()).max() > 1e-3


@pytest.mark.usefixtures("study")
def test_arms_of_a_replicate_see_the_same_rows_and_differ_in_weights_alone(batches: list) -> None:
    for replicate in (0, 1, 2):
        arm(replicate=replicate)
        arm("duplicate", select="rows", rows=(41, 56), replicate=replicate)
    orders = [np.stack([numbers for numbers, _ in run]) for run in batches]
    np.testing.assert_array_equal(orders[0], USED)
    for number in (0, 2, 4):
        np.testing.assert_array_equal(orders[number], orders[number + 1])
        assert sorted(orders[number][:8].ravel()) == USED[:8].ravel().tolist()  # shuffled within the window
        np.testing.assert_array_equal(orders[number][8:], USED[8:])  # and not beyond it
        assert all((weights == 1).all() for _, weights in batches[number])
        weights = np.stack([weights for _, weights in batches[number + 1]])
        assert set(orders[number][weights == 2]) == {41, 56}
        assert (weights != 1).sum() == 2
    assert not np.array_equal(orders[2], orders[0])
    assert not np.array_equal(orders[2], orders[4])


def test_rows_are_chosen_among_those_that_are_used(study: Study, attribution: str) -> None:
    scores = pd.read_parquet(study.folder.parent / "attributions" / attribution / "scores.parquet")
    window = scores[scores["row"] < 72].sort_values("score")
    chosen = {}
    for select in ("top", "bottom", "random", "matched-kind", "matched-repetition"):
        found = arm("remove", select=select, fraction=0.25, attribution=attribution)
        rows = found.changed_rows()
        assert len(rows) == 4  # a quarter of two rows in eight steps
        assert set(rows["row"]) <= set(USED[:8].ravel())
        assert rows["step"].tolist() == (rows["row"] // 4).tolist()
        chosen[select] = set(rows["row"])
    assert chosen["top"] == set(window["row"][-4:])
    assert chosen["bottom"] == set(window["row"][:4])
    assert not chosen["top"] & (chosen["random"] | chosen["matched-kind"] | chosen["matched-repetition"])


def test_random_rows_without_scores_and_controls_of_named_rows_are_used_rows(study: Study) -> None:
    several = [
        arm("remove", select="random", fraction=0.5, replicate=1),
        arm("remove", select="random", rows=(40, 41, 44, 45)),
    ]
    for found in several:
        assert set(found.changed_rows()["row"]) <= set(USED[:8].ravel())
    assert not set(several[1].changed_rows()["row"]) & {40, 41, 44, 45}


def test_an_attribution_that_does_not_cover_the_rows_says_which_one_would(mda: Callable, attribution: str) -> None:
    options = ("--select", "top", "--fraction", 0.25, "--attribution", attribution)
    words = ("retrain", "tiny", "--action", "remove", *options)
    whole = mda(*words, "--from", 10, "--to", 18).refusal
    assert "the window is 32 rows of 40:72, of which it lacks 16" in whole
    assert "train on fewer rows with --rows-per-step 2" in whole
    assert "mda attribute tiny --rows 40:72 …`" in whole
    three = mda(*words, "--from", 10, "--to", 18, "--rows-per-step", 3).refusal
    assert "mda attribute tiny --rows 40:72 --rows-per-step 3 …`" in three
    outside = mda(*words, "--from", 0, "--to", 18, "--rows-per-step", 2).refusal
    assert "choose a window inside steps 10 to 20" in outside
    assert mda(*words, "--from", 10, "--to", 18, "--rows-per-step", 1).code == 0  # fewer rows than were scored


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rows-per-step", 5), "has 4 rows; give --rows-per-step a number from 1 to 4"),
        (("--rows-per-step", 0), "greater than or equal to 1"),
        (("--learning-rate", 0), "greater than 0"),
        (("--learning-rate", "nan"), "learning_rate"),
        (("--learning-rate", "inf"), "finite"),
        (("--learning-rate", 1e30), "use a lower learning rate"),
    ],
)
@pytest.mark.usefixtures("study")
def test_refused_settings(mda: Callable, options: tuple, said: str) -> None:
    assert said in mda("retrain", "tiny", "--from", 10, "--to", 20, "--action", "baseline", *options).refusal


@pytest.mark.usefixtures("study")
def test_a_named_row_that_is_not_used_is_refused() -> None:
    with pytest.raises(UserError, match=r"row 42 lies outside .*\(rows 40 to 69, of which it uses 16\)"):
        arm("remove", select="rows", rows=(41, 42))


def test_rows_in_no_order_cannot_be_retrained(
    study: Study, mda: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = study.facts.model_copy(update={"in_order": False})
    monkeypatch.setattr(Study, "open", lambda name: Study(name, facts, study.manifest, study.folder))
    told = mda("retrain", "tiny", "--from", 10, "--to", 20, "--action", "baseline").refusal
    assert "not in the order in which its model was trained" in told


@pytest.mark.usefixtures("study")
def test_all_rows_of_a_step_are_the_arm_without_the_option() -> None:
    plain = arm(rows_per_step=None)
    assert arm(rows_per_step=4).id == plain.id
    assert plain.caveats == []
    spec = plain.manifest.spec  # the same as before there were such options
    assert not {"rows_per_step", "learning_rate"} & set(spec)
    assert not {"min_learning_rate", "decay_steps", "decay_vectors"} & set(spec["recipe"])
    few, own = arm(), arm(rows_per_step=None, learning_rate=1e-3)
    assert own.id == plain.id  # the study's own rate
    slower = arm(rows_per_step=None, learning_rate=1e-4)
    assert len({plain.id, few.id, slower.id}) == 3
    assert slower.manifest.spec["recipe"]["learning_rate"] == 1e-4
    moved = [one.model_metrics()["validation_loss"] for one in (plain, slower)]
    assert abs(moved[1].iloc[-1] - moved[1].iloc[0]) < abs(moved[0].iloc[-1] - moved[0].iloc[0])


def test_what_was_done_is_said(study: Study, mda: Callable) -> None:
    words = ("retrain", "tiny", "--from", 10, "--to", 12, "--action", "baseline", "--rows-per-step", 1)
    said = mda(*words).out
    assert "the first row of its 4: a batch 4 times smaller" in said
    assert "about 2 times as noisy, at the learning rate of the whole batch" in said
    assert "fresh Adam" not in said
    told = mda(*words, "--json").json
    assert (told["rows_per_step"], told["batch_size"], told["fresh_optimizer"]) == (1, 4, False)
    assert len(told["caveats"]) == 1


@pytest.mark.usefixtures("study")
def test_without_stored_states_every_arm_starts_fresh(mda: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = arm()
    monkeypatch.setattr("mda.checkpoints.folder.OPTIMIZER", "another.safetensors")  # so that none is found
    arms = [arm(), arm("remove", select="rows", rows=(41, 44))]
    for one in arms:
        assert one.manifest.result["fresh_optimizer"] is True
        assert "every arm, the baseline too, starts with fresh Adam moments" in one.caveats[0]
    assert arms[0].schedule != stored.schedule  # so that no fresh arm is held against a continued baseline
    first = arms[0].model_metrics()["validation_loss"]
    assert first.iloc[-1] != stored.model_metrics()["validation_loss"].iloc[-1]
    said = mda("retrain", "tiny", "--from", 10, "--to", 12, "--action", "baseline").out
    assert "fresh Adam moments: compare arms with their baseline, not with the published run." in said


def test_arms_on_other_rows_or_at_another_rate_are_not_compared(study: Study, mda: Callable) -> None:
    removed = {"action": "remove", "select": "rows", "rows": (41, 44)}
    few, whole = arm(**removed), arm(**removed, rows_per_step=None)
    slow = arm(**removed, learning_rate=1.25e-4)
    assert "do not share study" in mda("compare", few.id, whole.id).refusal
    assert "do not share study" in mda("compare", few.id, slow.id).refusal
    command = mda("compare", slow.id).refusal.split("`")[1]
    assert command.endswith("--every 10 --rows-per-step 2 --learning-rate 0.000125")
    assert mda(*command.split()[1:]).code == 0
    assert mda("compare", slow.id).code == 0
    assert "no baseline yet" in mda("compare", few.id).refusal


class Elsewhere:
    """Rows that have to be fetched, and refuse to be read before."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows, self.shape = rows, rows.shape
        self.there = np.zeros(len(rows), dtype=bool)
        self.asked: list[list[int]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any) -> np.ndarray:
        assert self.there[rows].all(), "read before it was fetched"
        return np.asarray(self.rows[rows])

    def here(self, rows: np.ndarray) -> np.ndarray:
        return self.there[rows]

    def held(self) -> np.ndarray:
        return np.flatnonzero(self.there)

    def fetch(self, rows: np.ndarray, advance: Callable[[int], None] = lambda rows: None) -> None:
        self.asked.append(rows.tolist())
        self.there[rows] = True
        advance(len(rows))


class Stages(Progress):
    """Remembers which stages there were."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def changed(self) -> None:
        if self.name and self.name not in self.seen:
            self.seen.append(self.name)
        assert self.fraction <= 1


def test_rows_that_lie_elsewhere_are_fetched_first_and_no_others(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = arm("remove", select="rows", rows=(41, 44))
    rows = Elsewhere(study.rows)
    monkeypatch.setattr(Study, "rows", rows)
    progress = Stages()
    asked = {**WINDOW, "rows_per_step": 2, "action": "remove", "select": "rows", "rows": (41, 45)}
    retrain(RetrainRequest.model_validate(asked), progress)
    assert progress.seen == ["rows", "retrain"]
    assert progress.fraction == 1
    assert rows.asked == [[*USED.ravel().tolist(), *range(80, 96)]]  # and the held-out rows of the looks
    retrain(RetrainRequest.model_validate({**asked, "replicate": 1}), progress)
    assert len(rows.asked) == 1  # nothing is fetched twice
    again = retrain(RetrainRequest.model_validate({**asked, "rows": (41, 44)}), progress)
    assert again["id"] == here.id  # where the rows lie is no part of what they say


def test_a_checkpoint_that_lies_elsewhere_is_brought_with_progress(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = study.source
    source.here = lambda step: False  # type: ignore[method-assign]
    source.download_bytes = lambda step: 100  # type: ignore[method-assign]
    source.folder = lambda step, advance=print: (advance(100), source._folders[step])[1]  # type: ignore[method-assign]
    monkeypatch.setattr(Study, "source", source)
    progress = Stages()
    retrain(RetrainRequest.model_validate({**WINDOW, "action": "baseline"}), progress)
    assert progress.seen == ["checkpoint", "retrain"]


def test_looks_measure_on_as_many_held_out_tokens_as_they_may(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = RetrainTask(RetrainRequest.model_validate({**WINDOW, "action": "baseline"}))
    assert task.look_rows == (80, 96)
    all_rows = arm()
    monkeypatch.setattr("mda.workflows.retrain_task.LOOK_TOKENS", 3 * 32)
    fewer = arm()
    assert fewer.id != all_rows.id
    assert np.array_equal(fewer.metrics()[SCORES], all_rows.metrics()[SCORES])
    model = load_model(study.checkpoint(10))
    three = CheckpointScorer.of(study.facts.model_copy(update={"held_out": (80, 83)}), study.rows)
    told = fewer.model_metrics().set_index("step").loc[10, "validation_loss"]
    assert told == three.score(model)[1]["validation_loss"]
    monkeypatch.setattr("mda.workflows.retrain_task.LOOK_TOKENS", 1)
    again = RetrainTask(RetrainRequest.model_validate({**WINDOW, "action": "baseline"}))
    assert again.look_rows == (80, 81)  # one at least


@pytest.mark.usefixtures("study")
def test_a_few_rows_at_a_time_are_the_same_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a large model has to be trained: one row in memory at a time."""
    together = arm(rows_per_step=3)
    monkeypatch.setattr(work, "rows_at_once", lambda config, seq_len, device: 1)
    (together.folder).rename(together.folder.with_name("moved"))
    alone = arm(rows_per_step=3)
    assert alone.id == together.id
    np.testing.assert_allclose(
        alone.metrics()[SCORES], pd.read_parquet(together.folder.with_name("moved") / "metrics.parquet")[SCORES],
        rtol=1e-3, atol=1e-4,
    )  # fmt: skip
