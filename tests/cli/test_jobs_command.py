"""`mda jobs`: what they show of commands that ran, failed, were stopped, or never began."""

from __future__ import annotations

import time

import pytest

from mda.jobs.files import find_job, new_job
from mda.progress import Cancelled
from mda.workflows.registry import HANDLERS


@pytest.fixture
def jobs(mda):
    return lambda: mda("jobs", "list", "--json").json["jobs"]


def test_list_newest_first(study, mda, jobs):
    mda("heads", "tiny", "--steps", 0)
    time.sleep(0.01)
    mda("attribute", "tiny", "--step", 7, "--head", "L1H1")
    new, old = jobs()
    assert (old["command"], old["study"], old["state"], old["fraction"]) == ("heads", "tiny", "done", 1.0)
    assert (new["state"], new["message"]) == (
        "failed",
        "Study 'tiny' has no checkpoint at step 7; the nearest are 0, 10, 20.",
    )
    plain = mda("jobs", "list").out.splitlines()
    assert plain[0].startswith(f"{new['id']}  failed")
    assert plain[1].startswith(f"{old['id']}  done")


def test_show(study, mda, jobs):
    told = mda("heads", "tiny", "--steps", 0, "--json").json
    shown = mda("jobs", "show", jobs()[0]["id"], "--json").json
    assert shown["arguments"] == {"study": "tiny", "steps": [0], "preset": "varied"}
    assert shown["result"] == told
    assert "state: done" in mda("jobs", "show", jobs()[0]["id"]).out


def test_resume_only_what_stopped_early(study, mda, jobs):
    mda("heads", "tiny", "--steps", 0)
    assert "only a job that stopped early" in mda("jobs", "resume", jobs()[0]["id"]).refusal
    assert mda("jobs", "cancel", jobs()[0]["id"], "--json").json["state"] == "done"


def test_cancel_a_job_that_has_not_begun(study, mda, jobs):
    job = new_job("heads", {"study": "tiny", "steps": None}, "tiny")
    assert jobs()[0]["state"] == "queued"
    job.write_status(job.stored_status().model_copy(update={"heartbeat": 0.0}))
    assert jobs()[0]["state"] == "interrupted"  # its process never came


@pytest.mark.parametrize(("stop", "state"), [(KeyboardInterrupt, "interrupted"), (Cancelled, "cancelled")])
def test_a_command_that_is_stopped(study, mda, jobs, monkeypatch, stop, state):
    def stopped(arguments, progress):
        raise stop

    monkeypatch.setitem(HANDLERS, "heads", stopped)
    ran = mda("heads", "tiny")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "Stopped. What was finished is kept; `mda jobs resume` goes on from there.\n"
    assert jobs()[0]["state"] == state


def test_a_fault_of_the_program(study, mda, jobs, monkeypatch):
    monkeypatch.setitem(HANDLERS, "heads", lambda arguments, progress: 1 / 0)
    ran = mda("heads", "tiny", "--json")
    assert (ran.code, ran.out) == (1, "")
    assert "ZeroDivisionError" in ran.err
    assert "ZeroDivisionError" in find_job(jobs()[0]["id"]).log_tail()


def test_every_command_leaves_one_json_object(study, mda, jobs):
    """And nothing else on stdout, whatever is on stderr."""
    attribution = mda("attribute", "tiny", "--step", 20, "--head", "L1H1", "--json").json["id"]
    retrain = ("retrain", "tiny", "--from", 10, "--to", 20, "--every", 5, "--action")
    assert mda(*retrain, "baseline", "--json").json
    arm = mda(*retrain, "remove", "--select", "rows", "--rows", 41, "--json").json["id"]
    job = jobs()[0]["id"]
    for command in (
        ("study", "list"),
        ("study", "show", "tiny"),
        ("heads", "tiny"),
        ("top", attribution),
        ("compare", arm),
        ("jobs", "list"),
        ("jobs", "show", job),
        ("jobs", "cancel", job),
    ):
        assert mda(*command, "--json").json
