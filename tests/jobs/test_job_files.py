"""What the files of a job mean, whoever left them behind."""

import json
import os
import subprocess
import time
from datetime import timedelta

import psutil
import pytest

from mda.errors import UserError
from mda.jobs.files import JobStatus, active_job, find_job, jobs_folder, list_jobs, new_job

ME = {"pid": os.getpid(), "process_started": psutil.Process().create_time()}


def running(**values):
    return JobStatus(**{"state": "running", "heartbeat": time.time(), **ME, **values})


def test_new_job_is_queued_and_found_again(cache):
    job = new_job("attribute", {"rows": [0, 10]}, "demo")
    assert job.folder == cache / "jobs" / job.id
    assert "-attribute-" in job.id
    assert job.state == "queued"
    again = find_job(job.id)
    assert again.spec == job.spec
    assert (again.spec.study, again.spec.arguments) == ("demo", {"rows": [0, 10]})
    assert again.metrics() == ([], 0)
    assert again.log_tail() == ""


@pytest.mark.parametrize(
    "job_id",
    [
        "",
        "..",
        "../jobs",
        "20261121-142233-attribute-3f9a",
        "20261121-142233-attribute-3f9a/..",
        "x\n",
        "a" * 500,
    ],
)
def test_unknown_and_malformed_ids_are_refused(job_id):
    with pytest.raises(UserError, match="mda jobs list"):
        find_job(job_id)


def test_bad_jobs_leave_nothing_behind(cache):
    for command, arguments, study in (
        ("rm -rf", {}, None),
        ("../x", {}, None),
        ("train", {"lr": float("nan")}, None),
        ("train", {}, "../x"),
    ):
        with pytest.raises(UserError):
            new_job(command, arguments, study)
    assert list_jobs() == []
    assert not cache.exists()


def test_listing_is_newest_first_and_passes_over_broken_folders():
    jobs = [new_job("a", {"n": n}) for n in range(5)]
    assert len({job.id for job in jobs}) == 5
    (jobs[2].folder / "spec.json").write_text("{")
    (jobs_folder() / "something").mkdir()
    assert [job.id for job in list_jobs()] == [jobs[n].id for n in (4, 3, 1, 0)]


def test_running_needs_its_own_live_process():
    job = new_job("a", {})
    job.write_status(running())
    assert job.state == "running"
    # the number was given to another process since
    job.write_status(running(process_started=ME["process_started"] - 1000))
    assert job.state == "interrupted"
    assert "resume" in job.status.message
    job.write_status(running(pid=2**22 + 1))
    assert job.state == "interrupted"
    job.write_status(running(pid=None))
    assert job.state == "interrupted"
    job.cancel_path.touch()
    assert job.state == "cancelled"


def test_a_zombie_is_not_running():
    job = new_job("a", {})
    with subprocess.Popen(["sleep", "60"]) as child:
        job.write_status(running(pid=child.pid, process_started=psutil.Process(child.pid).create_time()))
        assert job.state == "running"
        child.kill()
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert job.state == "interrupted"


def test_queued_without_a_process_is_interrupted_after_a_minute():
    job = new_job("a", {})
    job.write_status(JobStatus(state="queued", heartbeat=time.time() - 50))
    assert job.state == "queued"
    job.write_status(JobStatus(state="queued", heartbeat=time.time() - 70))
    assert job.state == "interrupted"


def test_a_job_that_ends_while_it_is_looked_at_is_not_called_interrupted(monkeypatch):
    job = new_job("a", {})
    stored = [running(pid=2**22 + 1), running(state="done")]
    monkeypatch.setattr(type(job), "stored_status", lambda self: stored.pop(0))
    assert job.state == "done"


def test_lost_status_counts_from_creation():
    job = new_job("a", {})
    (job.folder / "status.json").write_text("")
    assert job.state == "queued"
    spec = json.loads((job.folder / "spec.json").read_text())
    spec["created"] = (job.spec.created - timedelta(hours=1)).isoformat()
    (job.folder / "spec.json").write_text(json.dumps(spec))
    assert find_job(job.id).state == "interrupted"


def test_active_job_compares_command_and_arguments():
    job = new_job("a", {"x": 1, "y": [1, 2]})
    assert active_job("a", {"y": (1, 2), "x": 1}).id == job.id
    assert active_job("b", {"x": 1, "y": [1, 2]}) is None
    assert active_job("a", {"x": 2, "y": [1, 2]}) is None
    job.write_status(running(state="failed"))
    assert active_job("a", {"x": 1, "y": [1, 2]}) is None


def test_log_tail_is_bounded():
    job = new_job("a", {})
    job.log_path.write_text("".join(f"line {n}\n" for n in range(50_000)))
    assert job.log_tail(2) == "line 49998\nline 49999"
    assert len(job.log_tail(10**6)) <= 65536
