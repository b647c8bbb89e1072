"""The estimate of an attribution: what it is made of, where it is said, and how near it comes."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from building import SEQ_LEN, tiny_model_config

from mda.checkpoints.folder import save_checkpoint
from mda.checkpoints.source import FolderCheckpoints
from mda.progress import Progress
from mda.studies.add import add_study
from mda.studies.attributions import find_attribution
from mda.studies.study import Study
from mda.training.recipe import new_model
from mda.ui.influence.form import expected_seconds
from mda.workflows.attribute import attribute
from mda.workflows.attribution_task import AttributeRequest, AttributionTask
from mda.workflows.estimate import estimate_attribution
from mda.workflows.pace import RELIABILITY_ROWS, Rates, Stopwatch, Work, in_words, least_seconds

RATES = Rates(load=3.0, probe=5.0, fit_row=0.5, check_row=0.7, score_row=0.4)
ASKED = {"study": "tiny", "steps": (10, 20), "head": "L1H1", "fit_rows": 16, "probe_sequences": 32}


def test_work_counts_every_pass():
    work = Work.of(10_000, 2, "ekfac", 300)
    assert work.rows_passed == 2 * (2 * 300 + 10_000)
    assert work.seconds(RATES) == pytest.approx(
        {
            "checkpoints": 6.0,
            "probe": 10.0,
            "curvature": 2 * 2 * 300 * 0.5,
            "reliability": 2 * RELIABILITY_ROWS * (0.7 - 0.4),
            "scores": 2 * 10_000 * 0.4,
        }
    )
    assert Work.of(10, 1, "kfac", 300).rows_passed == 10 + 10
    assert Work.of(10, 1, "identity", 300).rows_passed == 10
    in_both = Work.of(10, 1, "identity", 300, bfloat16=True)
    assert in_both.rows_passed == 20
    assert in_both.seconds(RATES)["reliability"] == pytest.approx(10 * 0.7)


def test_progress_ends_where_the_work_does(study):
    for options in ({}, {"curvature": "identity"}, {"dtype": "bfloat16"}, {"sample": 30}):
        progress = Progress()
        request = AttributeRequest(**ASKED | options)
        attribute(request, progress)
        assert progress.done == progress.total == AttributionTask(request).work.rows_passed


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.01, "1 s"), (89, "89 s"), (91, "2 min"), (5000, "83 min"), (5400, "1.5 h"), (20_000, "5.6 h"),
        (172_800, "2 days"), (1_000_000, "12 days"), (86_400 * 1680, "4.6 years"), (1e11, "3,168.8 years"),
    ],
)  # fmt: skip
def test_time_in_words(seconds, words):
    assert in_words(seconds) == words


def test_a_stopwatch_adds_up_over_attempts(tmp_path, monkeypatch):
    clock = iter([0.0, 4.0, 10.0, 11.0, 20.0, 25.0])
    monkeypatch.setattr("mda.workflows.pace.time", SimpleNamespace(monotonic=lambda: next(clock)))
    watch = Stopwatch(tmp_path / "timing.jsonl")
    with watch("score", 8):
        pass
    with pytest.raises(OSError), Stopwatch(watch.path)("score", 8):  # noqa: PT011
        raise OSError
    # an attempt that failed is not part of it, and took the clock's third reading
    with Stopwatch(watch.path)("score", 2):
        pass
    assert watch.each("score") == pytest.approx((4.0 + 9.0) / 10)
    assert watch.each("probe") == 0.0


class Listens(Progress):
    """What was said, and after how many rows."""

    def __init__(self):
        super().__init__()
        self.said, self.kept = [], []

    def log(self, line):
        self.said.append((self.done, line))

    def record(self, **values):
        self.kept.append(values)


def test_the_job_says_it_before_anything_else_and_keeps_it(study):
    listener = Listens()
    found = find_attribution(attribute(AttributeRequest(**ASKED), listener)["id"]).manifest
    ((done, line),) = listener.said
    assert done == 0
    assert line.startswith("About ")
    assert "(80 rows at 2 steps" in line
    assert "two fits on 16 rows" in line
    assert listener.kept == [{"estimated_seconds": found.result["estimated_seconds"]}]
    assert 0 < found.result["estimated_seconds"] < 60
    assert found.result["device"] == "cpu"
    rates = Rates.model_validate(found.result["rates"])
    assert min(rates.model_dump().values()) > 0
    assert found.result["rows_per_second"] == pytest.approx(1 / rates.score_row)
    # the form of the page of influence goes by what this one measured
    past = [SimpleNamespace(manifest=found, steps=[10, 20])]
    expected = sum(Work.of(5000, 3, "ekfac", 2048).seconds(rates).values())
    assert expected_seconds(past, 5000, 3, "ekfac") == pytest.approx(expected)


def told(seconds, device="cpu", curvature="ekfac", rates=RATES):
    result = {"rows": 100, "device": device} | ({"rates": rates.model_dump()} if rates else {})
    manifest = SimpleNamespace(seconds=seconds, result=result, spec={"curvature": curvature, "fit_rows": 100})
    return SimpleNamespace(manifest=manifest, steps=[1])


def test_the_form_goes_by_the_newest_that_can_tell(monkeypatch):
    monkeypatch.setattr("mda.ui.influence.form.best_device", lambda: SimpleNamespace(type="cpu"))
    slow = Rates(**{key: 10 * value for key, value in RATES.model_dump().items()})

    def expected(rates, curvature):
        return pytest.approx(sum(Work.of(1000, 2, curvature, 2048).seconds(rates).values()))

    newest_first = [told(1), told(1, rates=slow)]
    assert expected_seconds(newest_first, 1000, 2, "ekfac") == expected(RATES, "ekfac")
    # without a fit nothing is known of how long one takes
    no_fit = [told(1, curvature="identity"), told(1, rates=slow)]
    assert expected_seconds(no_fit, 1000, 2, "ekfac") == expected(slow, "ekfac")
    assert expected_seconds(no_fit, 1000, 2, "identity") == expected(RATES, "identity")
    other_device = [told(1, device="cuda"), told(1, rates=slow)]
    assert expected_seconds(other_device, 1000, 2, "ekfac") == expected(slow, "ekfac")
    # one that an earlier version made: 500 rows passed in 100 s
    assert expected_seconds([told(100, rates=None)], 1000, 1, "identity") == pytest.approx(200)


def test_the_command_only_says_it(study, mda):
    words = ("attribute", "tiny", "--step", "10,20", "--head", "L1H1", "--sample", 30, "--estimate")
    out = mda(*words).out
    assert out.startswith("About ")
    assert out.count("\n") == 1
    found = mda(*words, "--json").json
    assert found["rows"] == 30
    assert found["steps"] == 2
    assert found["seconds"] >= sum(found["parts"].values())
    assert set(found["rates"]) == set(RATES.model_dump())
    assert found["text"].startswith("About ")
    assert not (study.folder.parent / "attributions").exists()
    assert mda("jobs", "list", "--json").json["jobs"] == []
    assert "no checkpoint at step 11" in mda(*words[:3], 11, *words[4:]).refusal


def test_it_takes_a_checkpoint_that_is_here_and_says_what_is_not(study, monkeypatch):
    asked = []
    folder = FolderCheckpoints.folder

    def brought(self, step, advance=None):
        asked.append(step)
        return folder(self, step)

    monkeypatch.setattr(FolderCheckpoints, "folder", brought)
    monkeypatch.setattr(FolderCheckpoints, "here", lambda self, step: step == 0)
    monkeypatch.setattr(FolderCheckpoints, "download_bytes", lambda self, step: 26_000_000)
    assert "52 MB are downloaded besides" in estimate_attribution(AttributeRequest(**ASKED)).text
    assert asked == [0]
    monkeypatch.setattr(FolderCheckpoints, "download_bytes", lambda self, step: None)
    assert "checkpoints are downloaded besides" in estimate_attribution(AttributeRequest(**ASKED)).text


@pytest.mark.parametrize("probe", ["prefix_matching", "induction"])
@pytest.mark.parametrize("curvature", ["ekfac", "identity", "diagonal"])
def test_everything_that_can_be_asked_can_be_estimated(study, probe, curvature):
    for head, through in (("L1H1", None), ("all", None), ("L1H1", "all")):
        asked = ASKED | {"probe": probe, "curvature": curvature, "head": head, "through": through}
        found = estimate_attribution(AttributeRequest(**asked))
        assert found.parts["scores"] > 0
        assert (found.parts["curvature"] > 0) == (curvature != "identity")


def test_least_seconds_are_less_than_any_real_row(study):
    task = AttributionTask(AttributeRequest(**ASKED))
    found = estimate_attribution(AttributeRequest(**ASKED))
    assert 0 < least_seconds(task._config, SEQ_LEN, task.device) < found.rates.score_row


@pytest.fixture
def larger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A study whose rows take long enough to be timed."""
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "cache"))
    model = new_model(tiny_model_config(vocab=2000, d_model=64, positions=256), seed=1)
    save_checkpoint(tmp_path / "checkpoints" / "step0", model, None)
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).integers(2, 2000, (300, 257), dtype=np.uint16))
    add_study("larger", tmp_path / "checkpoints", tmp_path / "rows.npy", None, 4)
    return "larger"


@pytest.mark.slow
@pytest.mark.parametrize("through", [None, "all"])
def test_within_thirty_percent_of_the_truth(larger, through, monkeypatch):
    asked = AttributeRequest(
        study=larger, steps=(0,), head="L1H1", through=through, rows=(0, 300), fit_rows=150, probe_sequences=64
    )
    monkeypatch.setattr(time, "monotonic", time.process_time)  # what else the machine does is not of interest
    monkeypatch.setattr(time, "perf_counter", time.process_time)
    Study.open(larger).load(0)  # what is loaded once a process is not timed
    begun = time.process_time()
    found = find_attribution(attribute(asked, Progress())["id"]).manifest
    spent = time.process_time() - begun
    assert found.result["estimated_seconds"] == pytest.approx(spent, rel=0.3)
