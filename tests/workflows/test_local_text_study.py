"""`mda local-text`: a study that can be looked at while it grows, taken up again at any point, and truthful."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

import mda.workflows.local_text as work
from mda.corpora.local_text.find import Bounds
from mda.errors import UserError
from mda.progress import Cancelled, Progress
from mda.store.identity import file_digest
from mda.studies.study import Study, list_studies
from mda.workflows.head_scores import head_table
from mda.workflows.live import live_scores
from mda.workflows.local_text import LocalTextRequest, build_local_text, next_checkpoint
from mda.workflows.local_text_settings import Settings

TINY = Settings(
    vocab_size=300,
    seq_len=32,
    d_model=16,
    layers=2,
    heads=2,
    mlp=2,
    batch_size=4,
    warmup_steps=3,
    least_repeated=0,
)
FILES = 26


class Clock:
    """Time that passes by the look: every look at it takes three seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 3
        return self.now


class Watched(Progress):
    """Keeps what is told, and stops at the nth piece of work."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.records: list[dict[str, Any]] = []
        self.pieces, self.stop_at = 0, stop_at

    def record(self, **values: float | int | str) -> None:
        self.records.append(values)

    def changed(self) -> None:
        self.pieces += 1
        if self.pieces == self.stop_at:
            raise Cancelled


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A Python installation of 26 files of prose and code."""
    source = random.Random(0)
    names = ["".join(source.choices("abcdefgh", k=source.randint(3, 7))) for _ in range(80)]
    for number in range(FILES):
        path = tmp_path / "installation" / f"package{number % 7}" / f"file{number}.{'py' if number % 2 else 'md'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = "# " if number % 2 else ""
        lines = (start + " ".join(source.choices(names, k=8)) for _ in range(25))
        path.write_text("\n".join(lines) + "\n")
    return tmp_path / "installation"


@pytest.fixture(autouse=True)
def small(installation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation above, a tiny model, checkpoints every 8 steps, and a clock of its own."""
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(work, "installed", lambda: [installation])
    monkeypatch.setattr(work, "SETTINGS", TINY)
    monkeypatch.setattr(work, "BOUNDS", Bounds(10**6, 10**6))
    monkeypatch.setattr(work, "LEAST_STEPS", 10)
    monkeypatch.setattr(work, "CHECKPOINT_EVERY", 8)
    for module in (work, "mda.workflows.local_text_settings"):
        name = module if isinstance(module, str) else module.__name__
        monkeypatch.setattr(f"{name}.HELD_OUT_ROWS", 16)
    monkeypatch.setattr("mda.workflows.head_scores.SEQUENCES", 8)
    monkeypatch.setattr(work, "time", Clock())


def build(minutes: float, progress: Progress | None = None, seed: int = 0) -> dict[str, Any]:
    return build_local_text(LocalTextRequest(minutes=minutes, seed=seed), progress or Progress())


def digests(study: Study) -> dict[int, list[str]]:
    """sha256 of weights and of optimizer state by step."""
    files = ("model.safetensors", "optimizer.safetensors")
    return {step: [file_digest(study.checkpoint(step) / file) for file in files] for step in study.steps}


def test_the_study_is_whole_and_says_what_it_is(installation: Path) -> None:
    progress = Watched()
    result = build(3, progress)
    study = Study.open("local-text")
    facts, last = study.facts, study.steps[-1]
    assert study.steps[:8] == [0, 1, 2, 4, 8, 16, 24, 32][: len(study.steps)]
    assert last >= 24
    assert facts.trained == last * 4 <= facts.held_out[0]
    assert facts.held_out == (facts.rows - 16, facts.rows) == (len(study.rows) - 16, len(study.rows))
    assert study.rows.shape[1] == facts.seq_len + 1 == 33
    assert facts.kinds == ["prose", "code"]
    assert set(study.kind_names(np.arange(facts.rows))) == {"prose", "code"}
    assert result["step"] == last
    assert result["tokens"] == last * 4 * 32
    assert study.manifest.seconds <= 180
    # the text of every row is text of the installation
    assert study.tokenizer is not None
    everything = "".join(path.read_text() for path in sorted(installation.rglob("*.*")))
    for row in range(0, facts.rows, 17):
        for part in study.text(row).split("<|endoftext|>"):
            assert part in everything
    assert 0 not in facts.probe_ids
    seen = np.bincount(np.asarray(study.rows)[: facts.held_out[0]].ravel(), minlength=300)
    assert set(facts.probe_ids) == set(np.flatnonzero(seen)) - {0}
    # live scores are those of the tables, of every checkpoint but step 0, which nothing was trained for yet
    table = head_table("local-text")
    assert sorted(table["step"].unique()) == study.steps
    assert [record["step"] for record in progress.records] == study.steps[1:]
    for record in progress.records:
        expected = live_scores(table[table["step"] == record["step"]])
        assert expected.items() <= record.items()
        assert record["validation_loss"] > 0


def test_cancelled_anywhere_and_resumed_it_gives_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(3)
    whole = digests(Study.open("local-text"))
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "other"))
    for pieces in (20, 50, 25, 20):
        with pytest.raises(Cancelled):
            build(1000, Watched(stop_at=pieces))
    build(1000)
    resumed = digests(Study.open("local-text"))
    assert len(resumed) > len(whole) > 5
    assert {step: resumed[step] for step in whole} == whole
    attempts = Study.open("local-text").manifest.result["attempts"]
    starts = [attempt["from_step"] for attempt in attempts]
    assert starts == sorted(starts)
    assert starts[0] == 0
    assert len(set(starts)) > 2


@pytest.mark.parametrize("broken", ["save_checkpoint", "_note", "_score"])
def test_an_end_between_two_files_leaves_a_study_that_tells_the_truth(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = getattr(work, broken), []

    def failing(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 5:
            raise KeyboardInterrupt
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(work, broken, failing)
        with pytest.raises(KeyboardInterrupt):
            build(1000)
    study = Study.open("local-text")
    assert study.facts.trained <= study.steps[-1] * 4
    build(study.manifest.seconds / 60)  # no time left for more
    after = Study.open("local-text")
    assert after.steps == study.steps
    assert after.facts.trained == after.steps[-1] * 4
    assert sorted(head_table("local-text")["step"].unique()) == after.steps


def test_more_minutes_go_on_and_fewer_change_nothing() -> None:
    first = build(2)
    study = Study.open("local-text")
    before = digests(study)
    made = (study.checkpoint(8) / "model.safetensors").stat().st_mtime_ns
    assert build(1)["step"] == first["step"]
    assert [attempt["from_step"] for attempt in Study.open("local-text").manifest.result["attempts"]] == [0]
    assert digests(Study.open("local-text")) == before
    second = build(4)
    grown = Study.open("local-text")
    assert second["step"] > first["step"]
    assert grown.steps[: len(study.steps)] == study.steps
    assert {step: both for step, both in digests(grown).items() if step in before} == before
    assert (grown.checkpoint(8) / "model.safetensors").stat().st_mtime_ns == made
    assert grown.manifest.identity == study.manifest.identity
    assert grown.facts.trained == second["step"] * 4 > study.facts.trained
    assert study.manifest.seconds < 120 < grown.manifest.seconds <= 240


def test_the_text_may_change_under_a_study_that_has_its_rows(installation: Path) -> None:
    first = build(2)
    shutil.rmtree(installation)
    assert build(4)["step"] > first["step"]


def test_it_stops_where_the_text_is_over_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "CHECKPOINT_EVERY", 64)
    result = build(100_000)
    study = Study.open("local-text")
    last = study.facts.held_out[0] // 4
    assert result["step"] == study.steps[-1] == last
    assert study.facts.trained == last * 4
    assert result["text_over"]
    assert "The text is over" in result["told"]
    again = build(100_000)
    assert (again["step"], again["told"]) == (last, result["told"])


def test_it_can_be_looked_at_while_it_grows() -> None:
    looked: list[tuple[int, int]] = []

    class Looking(Progress):
        def record(self, **values: float | int | str) -> None:
            study = Study.open("local-text")
            looked.append((study.steps[-1], study.facts.trained))
            assert study.steps[-1] == values["step"]
            assert sorted(head_table("local-text")["step"].unique()) == study.steps

    build(2, Looking())
    assert looked
    assert all(trained == step * 4 for step, trained in looked)


def test_a_retrain_in_order_repeats_its_training() -> None:
    from mda.workflows.retrain import RetrainRequest, retrain

    build(3)
    retrain(RetrainRequest(study="local-text", from_step=8, to_step=16, action="baseline", every=8), Progress())
    (metrics,) = (Study.open("local-text").folder.parent / "retrains").glob("*/metrics.parquet")
    arm, own = pd.read_parquet(metrics), head_table("local-text")
    for step in (8, 16):
        mine, theirs = (table[table["step"] == step].reset_index(drop=True) for table in (arm, own))
        np.testing.assert_array_equal(mine["previous_token"], theirs["previous_token"])


def test_another_seed_is_another_study_of_the_same_rows() -> None:
    assert build(1, seed=3)["study"] == "local-text-seed3"
    build(1)
    assert list_studies() == ["local-text", "local-text-seed3"]
    one, other = (Study.open(name) for name in list_studies())
    np.testing.assert_array_equal(np.asarray(one.rows), np.asarray(other.rows))
    assert one.manifest.identity != other.manifest.identity
    assert digests(one)[0] != digests(other)[0]


def test_what_is_told_names_the_heads_that_reach_half(monkeypatch: pytest.MonkeyPatch) -> None:
    build(2)
    study = Study.open("local-text")
    told = work.outcome(study)
    assert told["reached"] == {"prefix_matching": [], "previous_token": []}
    assert "no head reaches 0.5 in prefix matching (the best is L" in told["told"]
    table = head_table("local-text")
    here = (table["layer"] == 1) & (table["head"] == 0)
    table.loc[here & (table["step"] >= 4), "prefix_matching"] = 0.6
    monkeypatch.setattr(work, "head_table", lambda name: table)
    told = work.outcome(study)
    assert told["reached"]["prefix_matching"] == [{"head": "L1H0", "step": 4}]
    assert "prefix matching reaches 0.5 in L1H0 (step 4)" in told["told"]


@pytest.mark.parametrize("left", [0, 1])
def test_too_little_text_is_refused_and_leaves_no_study(installation: Path, left: int) -> None:
    for path in sorted(installation.rglob("*.*"))[left:]:
        path.unlink()
    with pytest.raises(UserError, match=r"fills \d+ rows that repeat enough, and a study needs 56"):
        build(1)
    assert list_studies() == []


def test_a_study_of_that_name_that_is_another_is_refused(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(study.folder.parent, study.folder.parents[1] / "local-text")
    with pytest.raises(UserError, match="was not made by `mda local-text`"):
        build(1)


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cache/local-text").mkdir(parents=True)
    with (
        FileLock(tmp_path / "cache/local-text/training.lock"),
        pytest.raises(UserError, match="Another process is training"),
    ):
        build(1)


def test_nothing_is_written_where_the_cache_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    with pytest.raises(UserError, match="read-only"):
        build(1)
    assert not (tmp_path / "cache").exists()


def test_checkpoints_are_dense_early_and_regular_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "CHECKPOINT_EVERY", 200)
    steps, step = [], 0
    while step < 750:
        step = next_checkpoint(step, 750)
        steps.append(step)
    assert steps == [1, 2, 4, 8, 16, 32, 64, 128, 200, 400, 600, 750]


def test_minutes_are_checked() -> None:
    for minutes in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="minutes"):
            LocalTextRequest(minutes=minutes)
    assert SimpleNamespace(**LocalTextRequest().model_dump()).seed == 0
