"""`mda study download` and `mda heads` on a study from the hub."""

from __future__ import annotations

import gc
import json
import shutil
import time
import weakref
from collections import namedtuple

import numpy as np
import pytest
import torch

import mda.workflows.head_scores as mda_scores
from mda.checkpoints.folder import load_model
from mda.heads.scores import head_scores
from mda.jobs.files import list_jobs
from mda.progress import Cancelled, Progress
from mda.studies.study import Study
from mda.workflows.download import DownloadRequest, download, plan
from mda.workflows.head_scores import CheckpointScorer, head_table, model_table

WHOLE = [0, 1, 2, 4, 8, 16, 64, 256, 512, 1000]  # 32 has no weights, those of 128 cannot be read


@pytest.fixture(autouse=True)
def few_sequences(monkeypatch):
    monkeypatch.setattr(mda_scores, "SEQUENCES", 4)
    monkeypatch.setattr(mda_scores, "spread_periods", lambda seq_len, ids: (7, 9))


def origin_of(study, step):
    return json.loads((study.source.kept.folder(step) / "origin.json").read_text())


def test_download_says_the_size_first_and_then_brings(study, hub, mda, left):
    ran = mda("study", "download", "pythia-14m", "--steps", "0,1,2", "--json")
    assert ran.json["downloaded"] == [0, 1, 2]
    assert ran.json["skipped"] == {}
    assert left() == ["step0", "step1", "step2"]
    assert "3 checkpoints, 0.7 MB to download." in ran.err
    assert ran.json["bytes"] == sum(file["size"] for step in (0, 1, 2) for file in origin_of(study, step)["files"])
    [job] = list_jobs()
    assert (job.spec.command, job.state, job.status.fraction) == ("download", "done", 1.0)
    before = len(hub.weight_requests())
    again = mda("study", "download", "pythia-14m", "--steps", "0,1,2", "--json")
    assert again.json["downloaded"] == []
    assert "Nothing to download" in again.err
    assert len(hub.weight_requests()) == before


def test_download_of_all_tells_of_the_steps_that_have_none(study, mda, left):
    ran = mda("study", "download", "pythia-14m")
    assert ran.code == 0
    assert "no weights at step 32" in ran.out
    assert "at step 128 are damaged on the hub" in ran.out
    assert f"{len(WHOLE)} checkpoints came." in ran.out
    assert left() == sorted(f"step{step}" for step in WHOLE)
    again = mda("study", "download", "pythia-14m", "--json").json
    assert (again["downloaded"], sorted(again["skipped"])) == ([], ["128", "32"])


def test_presets_of_steps(study, mda, left):
    assert mda("study", "download", "pythia-14m", "--steps", "log2", "--json").json["downloaded"] == [0, 1000]
    told = mda("heads", "pythia-14m", "--steps", "log3", "--json").json
    assert (told["steps"], list(told["skipped"])) == ([0, 1000], ["32"])
    near = mda("study", "download", "pythia-14m", "--steps", "around:0", "--json").json
    assert near["downloaded"] == [1, 2, 4, 8, 16, 64, 256, 512]
    for steps in ("log", "x", "around:", "7", "0,3"):
        mda("study", "download", "pythia-14m", "--steps", steps).refusal  # noqa: B018


def test_after_a_download_no_network_is_needed(study, hub, mda, monkeypatch):
    mda("study", "download", "pythia-14m")
    _ = study.rows[study.facts.held_out[0] : study.facts.held_out[1]]
    hub.server.stop()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    told = mda("heads", "pythia-14m", "--steps", "2,32,128", "--json").json
    assert told["steps"] == [2]
    assert sorted(told["skipped"]) == ["128", "32"]
    told = mda("study", "download", "pythia-14m", "--json").json
    assert told["downloaded"] == []


def test_offline_says_what_brings_the_rest(study, mda, monkeypatch):
    mda("study", "download", "pythia-14m", "--steps", "0,1")
    _ = study.rows[study.facts.held_out[0] : study.facts.held_out[1]]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    ran = mda("heads", "pythia-14m", "--steps", "0,1,4")
    assert ran.code == 2
    first, refused = ran.err.splitlines()
    assert first == "1 checkpoint to download, of unknown size."
    assert "`mda study download pythia-14m --steps 4`" in refused
    assert list(model_table("pythia-14m")["step"]) == [0, 1]  # what could be scored is
    ran = mda("study", "download", "pythia-14m", "--steps", "4")
    assert ran.code == 2
    assert "HF_HUB_OFFLINE is set" in ran.err
    assert "to download, of unknown size" in ran.err


def test_head_scores_are_those_of_the_published_weights(study, mda):
    told = mda("heads", "pythia-14m", "--steps", "1,32,128,1000", "--json").json
    assert told["steps"] == [1, 1000]
    assert "no weights at step 32" in told["skipped"]["32"]
    assert "damaged" in told["skipped"]["128"]
    scorer = CheckpointScorer.of(study.facts, study.rows)
    found = head_table("pythia-14m")
    for step in (1, 1000):
        expected = head_scores(load_model(study.checkpoint(step)), scorer.batches)
        scores = found[found["step"] == step].drop(columns="step").reset_index(drop=True)
        np.testing.assert_allclose(scores.to_numpy(float), expected.to_numpy(float), rtol=1e-5, atol=1e-7)
    log = list_jobs()[0].log_tail(50)
    assert "no weights at step 32" in log
    plain = mda("heads", "pythia-14m", "--steps", "1,32").out
    assert "no weights at step 32" in plain


def test_one_model_is_in_memory_at_a_time(study, mda, monkeypatch):
    alive: list[weakref.ref[torch.nn.Module]] = []

    def load(folder, device):
        gc.collect()
        assert [one for one in alive if one() is not None] == []
        model = load_model(folder, device)
        alive.append(weakref.ref(model))
        return model

    monkeypatch.setattr(mda_scores, "load_model", load)
    assert mda("heads", "pythia-14m", "--steps", "0,1,2", "--json").json["steps"] == [0, 1, 2]
    assert len(alive) == 3


def test_the_next_is_on_its_way_while_one_is_scored(study, mda, monkeypatch):
    def load(folder, device):
        step = int(folder.name.removeprefix("step"))
        after = {0: 1, 1: 2, 2: None}[step]
        limit = time.monotonic() + 5
        while after is not None and not study.source.here(after):
            assert time.monotonic() < limit
            time.sleep(0.005)
        return load_model(folder, device)

    monkeypatch.setattr(mda_scores, "load_model", load)
    assert mda("heads", "pythia-14m", "--steps", "0,1,2", "--json").json["steps"] == [0, 1, 2]


def test_a_bounded_number_stays_on_disk(study, mda, left):
    refused = mda("study", "download", "pythia-14m", "--keep", 2).refusal
    assert "keeps 2 checkpoints on disk and 12 are asked for" in refused
    assert mda("heads", "pythia-14m", "--steps", "0,1,2,4", "--json").json["steps"] == [0, 1, 2, 4]
    assert len(left()) == 2
    assert mda("study", "download", "pythia-14m", "--keep", 0, "--json").code == 0
    assert len(left()) == len(WHOLE)
    assert "--keep -1" in mda("study", "download", "pythia-14m", "--keep", -1).refusal


def test_a_download_that_is_cut_goes_on_where_it_was(study, hub, mda, left):
    hub.server.fail("500", "resolve", times=99)
    refused = mda("study", "download", "pythia-14m", "--steps", "0,1")
    assert refused.code == 2
    assert "try again" in refused.err.splitlines()[-1]
    assert left() == []
    hub.server.faults.clear()
    hub.server.fail("cut", "pytorch_model.bin", times=2)
    assert mda("study", "download", "pythia-14m", "--steps", "0,1", "--json").json["downloaded"] == [0, 1]


def test_a_disk_nearly_full(study, mda, monkeypatch, left):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    ran = mda("study", "download", "pythia-14m", "--steps", "0")
    assert ran.code == 2
    assert "1 checkpoint, 0.2 MB to download, and the disk" in ran.refusal
    assert "free some space first" in ran.refusal
    assert left() == []


def test_cancel_ends_a_download(study, left):
    class Stopped(Progress):
        def changed(self):
            if self.done:
                raise Cancelled("enough")

    with pytest.raises(Cancelled):
        download(DownloadRequest(study="pythia-14m", steps=(0, 1, 2, 4)), Stopped())
    assert len(left()) < 4


def test_a_study_in_a_folder_has_nothing_to_download(study, tiny_cache, cache, mda):
    shutil.copytree(tiny_cache / "tiny", cache / "tiny")
    told = mda("study", "download", "tiny", "--json")
    assert told.json["downloaded"] == []
    assert "all is on this machine" in told.err
    assert "--keep is about downloaded" in mda("study", "download", "tiny", "--keep", 3).refusal
    assert plan(Study.open("tiny"), None).bytes_ == 0


def test_read_only(study, mda, monkeypatch):
    study.checkpoint(0)
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    ran = mda("study", "download", "pythia-14m", "--steps", "1")
    assert ran.code == 2
    assert "read-only" in ran.err


def test_the_order_of_the_rows_is_looked_at(study, mda):
    """The tiny model learned the standard order, and its name's newer sources say the deduplicated one."""
    note = mda("study", "show", "pythia-14m", "--json").json["order_note"]
    assert note.endswith("`mda study check-order pythia-14m` looks at the data.")
    told = mda("study", "check-order", "pythia-14m", "--json").json
    assert told["verdict"] in ("other", "unknown", "this")
    note = mda("study", "show", "pythia-14m", "--json").json["order_note"]
    expected = {"other": "not in the order", "unknown": "check-order", "this": None}[told["verdict"]]
    assert note is None if expected is None else expected in note
    assert told["words"] in mda("study", "check-order", "pythia-14m").out
