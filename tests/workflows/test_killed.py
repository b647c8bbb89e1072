"""A real process, killed in the middle of its work: the same command again ends as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from killed import shrink

import mda.jobs.launch as launching
from mda.store.identity import file_digest
from mda.studies.study import Study
from mda.workflows.head_scores import head_table

pytestmark = pytest.mark.slow  # seconds of other processes, each of which imports everything

DRIVER = Path(__file__).with_name("killed.py")
ATTRIBUTE = (
    "attribute",
    "tiny",
    "--step",
    "10,20",
    "--head",
    "L1H1",
    "--through",
    "all",
    "--probe-sequences",
    "32",
)
RETRAIN = ("retrain", "tiny", "--from", "10", "--to", "20", "--every", "3", "--action", "baseline")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    shrink(monkeypatch.setattr)


def killed(piece: int, *arguments: str) -> None:
    """Run a command in a process of its own that is killed at its nth piece of work."""
    ran = subprocess.run(
        [sys.executable, DRIVER, str(piece), *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == -9, ran.stderr
    assert ran.stdout == ""


def the_job(mda) -> dict:
    """The one job there is."""
    (job,) = mda("jobs", "list", "--json").json["jobs"]
    return job


def elsewhere(study, mda, monkeypatch, tmp_path, command) -> dict:
    """The same command without interruption, in a cache of its own."""
    with monkeypatch.context() as patch:
        shutil.copytree(study.folder, tmp_path / "other" / "tiny" / "study")
        patch.setenv("MDA_CACHE", str(tmp_path / "other"))
        return mda(*command, "--json").json


def test_attribute_resumed_as_a_job(study, mda, monkeypatch, tmp_path):
    killed(12, *ATTRIBUTE)
    job = the_job(mda)
    assert job["state"] == "interrupted"
    assert "resume it" in job["message"]
    folder = study.folder.parent / "attributions"
    parts = list(folder.glob("*.partial/part-*"))
    assert parts
    assert mda("study", "show", "tiny", "--json").json["attributions"] == []
    monkeypatch.setattr(launching, "RUNNER", [sys.executable, str(DRIVER), "0", "job"])
    assert mda("jobs", "resume", job["id"], "--json").json["id"] == job["id"]
    until = time.monotonic() + 60
    while the_job(mda)["state"] in ("queued", "running"):
        assert time.monotonic() < until
        time.sleep(0.1)
    shown = mda("jobs", "show", job["id"], "--json").json
    assert shown["state"] == "done", mda("jobs", "show", job["id"]).out
    assert shown["arguments"]["head"] == "L1H1"
    whole = elsewhere(study, mda, monkeypatch, tmp_path, ATTRIBUTE)
    assert shown["result"]["id"] == whole["id"]
    assert shown["result"]["reliability"] == whole["reliability"]
    resumed = pd.read_parquet(shown["result"]["scores"])
    pd.testing.assert_frame_equal(resumed, pd.read_parquet(whole["scores"]), check_exact=True)
    assert "is done" in mda("jobs", "resume", job["id"]).refusal


def test_retrain_run_again(study, mda, monkeypatch, tmp_path):
    killed(8, *RETRAIN)
    assert the_job(mda)["state"] == "interrupted"
    assert list((study.folder.parent / "retrains").glob("*.partial/resume/step16"))
    resumed, whole = mda(*RETRAIN, "--json").json, elsewhere(study, mda, monkeypatch, tmp_path, RETRAIN)
    assert resumed["id"] == whole["id"]
    for table in ("metrics", "model_metrics"):
        pd.testing.assert_frame_equal(
            pd.read_parquet(resumed[table]), pd.read_parquet(whole[table]), check_exact=True
        )


def test_demo_run_again(mda, monkeypatch, tmp_path):
    command = ("demo", "--seed", "7", "--steps", "100")
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "cache"))
    killed(50, *command)
    assert the_job(mda)["state"] == "interrupted"
    assert mda("study", "list", "--json").json == {"studies": []}
    assert mda("heads", "demo-seed7").code == 2
    told = mda(*command, "--json").json
    assert told["study"] == "demo-seed7"
    assert mda(*command, "--json").json == told
    digests, tables = [], []
    for cache in ("cache", "other"):
        monkeypatch.setenv("MDA_CACHE", str(tmp_path / cache))
        mda(*command)
        study = Study.open("demo-seed7")
        assert study.steps == [0, 20, 40, 60, 80, 100]
        tables.append(head_table("demo-seed7"))
        files = [study.folder / "rows.safetensors"]
        for step in study.steps:
            files += [study.checkpoint(step) / name for name in ("model.safetensors", "optimizer.safetensors")]
        digests.append([file_digest(file) for file in files])
    assert digests[0] == digests[1]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_demo_killed_before_its_first_checkpoint_is_whole(mda, monkeypatch, tmp_path):
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "cache"))

    def cut(*arguments, **options):
        raise SystemExit

    command = ("demo", "--seed", "7", "--steps", "100", "--json")
    with monkeypatch.context() as patch:
        patch.setattr("transformers.GPTNeoXForCausalLM.save_pretrained", cut)
        with pytest.raises(SystemExit):
            mda(*command)
    assert mda(*command).json["study"] == "demo-seed7"
