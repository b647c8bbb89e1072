"""Real detached processes: ended, failed, killed, cancelled, resumed; never twice, never zombies."""

import os
import signal
import threading
import time

import psutil
import pytest

from mda.errors import UserError
from mda.jobs import launch as launch_module
from mda.jobs.files import ACTIVE, list_jobs
from mda.jobs.launch import ask_to_cancel, being_stopped, cancel, launch, resume, stopping

pytestmark = pytest.mark.usefixtures("fake_worker")


def wait(condition, seconds=15.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.02)


def ended(job):
    wait(lambda: job.state not in ACTIVE)
    return job.status


def counting(tmp_path, to=3, seconds=0.0):
    return {"path": str(tmp_path / "number"), "to": to, "seconds": seconds}


@pytest.fixture(autouse=True)
def nothing_left_running():
    yield
    for job in list_jobs():
        cancel(job, grace=0.1)


def test_done_in_a_session_of_its_own_and_no_zombie(tmp_path):
    job = launch("count", counting(tmp_path), "demo")
    status = ended(job)
    assert status.state == "done", job.log_tail()
    assert status.result == {"counted": 3, "from": 0, "group": status.pid, "stdin": ""}
    assert status.pid != os.getpid()
    assert [record["number"] for record in job.metrics()[0]] == [1, 2, 3]
    assert "printed" in job.log_tail()
    wait(lambda: not psutil.pid_exists(status.pid))
    assert cancel(job) == "done"
    assert not job.cancel_path.exists()
    with pytest.raises(UserError, match="is done"):
        resume(job)


def test_failed_and_crashed():
    jobs = [launch("fail", {}), launch("crash", {})]
    assert [ended(job).state for job in jobs] == ["failed", "failed"]
    assert jobs[0].status.message == "no such model; choose another"
    assert jobs[1].status.message.startswith("internal error: ZeroDivisionError")
    assert "Traceback" in jobs[1].log_tail()


def test_same_work_is_not_started_twice(tmp_path):
    arguments = counting(tmp_path, to=1000, seconds=0.05)
    found = []
    threads = [threading.Thread(target=lambda: found.append(launch("count", arguments).id)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(list_jobs()) == 1


def test_cooperative_cancel_then_resume_goes_on_from_what_is_stored(tmp_path):
    arguments = counting(tmp_path, to=60, seconds=0.02)
    job = launch("count", arguments)
    wait(lambda: len(job.metrics()[0]) >= 5)
    assert cancel(job) == "cancelled"
    wait(lambda: not psutil.pid_exists(job.stored_status().pid))
    stored = int((tmp_path / "number").read_text())
    assert 5 <= stored < 60
    assert resume(job).id == job.id
    with pytest.raises(UserError, match="only a job that stopped early"):
        resume(job)
    status = ended(job)
    assert status.state == "done"
    assert status.result["from"] == stored
    assert [record["number"] for record in job.metrics()[0]] == list(range(1, 61))


def test_sigterm_unwinds_a_long_piece():
    job = launch("slow-piece", {})
    wait(lambda: job.status.stage == "long")
    assert cancel(job, grace=0.2) == "cancelled"
    assert job.metrics()[0] == [{"cleaned": 1}]
    assert job.stored_status().state == "cancelled"


def test_stubborn_job_is_killed_with_its_children():
    job = launch("stubborn", {})
    wait(lambda: job.metrics()[0])
    child = job.metrics()[0][0]["child"]
    assert cancel(job, grace=0.2) == "cancelled"
    assert job.stored_status().state == "cancelled"
    wait(lambda: not psutil.pid_exists(job.status.pid))
    wait(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_asking_returns_at_once_and_is_followed_up(monkeypatch):
    monkeypatch.setattr(launch_module, "GRACE_SECONDS", 0.5)
    job = launch("stubborn", {})
    wait(lambda: job.metrics()[0])
    assert not stopping(job)
    begun = time.monotonic()
    for _ in range(3):
        ask_to_cancel(job)
    assert time.monotonic() - begun < 0.3
    assert stopping(job)
    assert being_stopped(job)
    assert [thread.name for thread in threading.enumerate()].count(f"stopper of {job.id}") == 1
    assert ended(job).state == "cancelled"
    assert not stopping(job)
    wait(lambda: not psutil.pid_exists(job.stored_status().pid))
    wait(lambda: not being_stopped(job))
    ask_to_cancel(job)  # of a job that has ended: nothing
    assert not being_stopped(job)


def test_a_job_resumed_while_it_is_still_watched_is_left_alone(tmp_path, monkeypatch):
    """What follows a request up must not take the resumed job for the one that it was to stop."""
    job = launch("count", counting(tmp_path, to=40, seconds=0.02))
    wait(lambda: len(job.metrics()[0]) >= 3)
    watch = launch_module._wait_until_ended

    def looks_away(job, seconds):
        assert watch(job, 10.0)
        resume(job)
        return False

    monkeypatch.setattr(launch_module, "_wait_until_ended", looks_away)
    assert cancel(job) in ACTIVE
    assert not stopping(job)
    assert ended(job).state == "done"


def test_nothing_is_stopped_where_nothing_may_be_written(tmp_path, monkeypatch):
    job = launch("count", counting(tmp_path, to=1000, seconds=0.05))
    with monkeypatch.context() as patch:
        patch.setenv("MDA_READ_ONLY", "1")
        for stop in (ask_to_cancel, cancel):
            with pytest.raises(UserError, match="read-only"):
                stop(job)
    assert not job.cancel_path.exists()


def test_killed_job_is_interrupted_and_can_be_resumed(tmp_path):
    job = launch("count", counting(tmp_path, to=40, seconds=0.02))
    wait(lambda: len(job.metrics()[0]) >= 3)
    os.kill(job.status.pid, signal.SIGKILL)
    assert ended(job).state == "interrupted"
    assert job.stored_status().state == "running"  # what it last could say
    resume(job)
    assert ended(job).state == "done"


def test_resume_is_refused_while_another_job_does_the_same(tmp_path):
    arguments = counting(tmp_path, to=1000, seconds=0.05)
    first = launch("count", arguments)
    cancel(first)
    second = launch("count", arguments)
    assert second.id != first.id
    with pytest.raises(UserError, match=second.id):
        resume(first)


def test_cancel_never_signals_a_process_that_took_over_the_number(tmp_path):
    job = launch("count", counting(tmp_path))
    status = ended(job)
    wait(lambda: not psutil.pid_exists(status.pid))
    stale = {"state": "running", "pid": os.getpid(), "process_started": psutil.Process().create_time() - 1000}
    job.write_status(status.model_copy(update=stale))
    assert job.state == "interrupted"
    assert cancel(job, grace=0.1) == "interrupted"  # and this process is still here


def test_process_that_ends_before_it_began_is_reported(monkeypatch):
    monkeypatch.setattr(launch_module, "RUNNER", [*launch_module.RUNNER[:1], "-c", "raise SystemExit(7)"])
    job = launch("count", {})
    status = ended(job)
    assert status.state == "failed"
    assert "code 7" in status.message


def test_runner_that_does_not_exist_leaves_a_failed_job(monkeypatch):
    monkeypatch.setattr(launch_module, "RUNNER", ["/nonexistent/python"])
    with pytest.raises(FileNotFoundError):
        launch("count", {})
    assert [job.state for job in list_jobs()] == ["failed"]
