"""However work ends in this process, the job's files tell the truth."""

import signal
import time

import numpy as np
import pytest

from mda.errors import UserError
from mda.jobs import progress as progress_module
from mda.jobs.execute import execute
from mda.jobs.files import new_job
from mda.jobs.progress import JobProgress
from mda.progress import Cancelled


def run(handler, job=None, **options):
    return execute(job or new_job("work", {"n": 3}), {"work": handler}, **options)


def test_done_with_stages_metrics_log_and_listener():
    job = new_job("work", {"n": 3})
    seen = []

    def handler(arguments, progress):
        progress.plan(first=1, second=3)
        progress.stage("first", total=2)
        progress.advance(2)
        progress.stage("second", total=arguments["n"])
        status = job.status
        assert (status.state, status.stage, status.total, status.fraction) == ("running", "second", 3, 0.25)
        for number in range(arguments["n"]):
            progress.record(number=number, loss=float("nan"))
            progress.advance()
        progress.log("nearly there")
        assert progress.message == "nearly there"
        return {"n": np.float32(0.5), "bad": float("inf")}

    assert run(handler, job, listener=lambda p: seen.append(p.fraction)) == {"n": 0.5, "bad": None}
    status = job.status
    assert (status.state, status.fraction, status.seconds_left) == ("done", 1.0, None)
    assert status.result == {"n": 0.5, "bad": None}
    assert job.metrics()[0] == [{"number": number, "loss": None} for number in range(3)]
    assert "nearly there" in job.log_tail()
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_user_error_is_the_message_alone():
    job = new_job("work", {})

    def handler(arguments, progress):
        raise UserError("no such model; choose another")

    with pytest.raises(UserError):
        run(handler, job)
    assert (job.state, job.status.message) == ("failed", "no such model; choose another")
    assert "Traceback" not in job.log_tail()


@pytest.mark.parametrize("handler", [lambda a, p: 1 / 0, lambda a, p: {"x": object()}, lambda a, p: exit(3)])
def test_internal_error_keeps_its_traceback_in_the_log_alone(handler):
    job = new_job("work", {})
    with pytest.raises((ZeroDivisionError, ValueError, SystemExit)):
        run(handler, job)
    assert job.state == "failed"
    assert job.status.message.startswith("internal error: ")
    assert "Traceback" not in job.status.message
    assert "Traceback" in job.log_tail()


def test_unknown_command():
    job = new_job("other", {})
    with pytest.raises(UserError, match="known are work"):
        run(lambda a, p: {}, job)
    assert job.state == "failed"


def test_cancel_asked_before_and_during_the_work():
    job = new_job("work", {})
    job.cancel_path.touch()
    with pytest.raises(Cancelled):
        run(lambda a, p: pytest.fail("must not begin"), job)
    assert job.state == "cancelled"

    job = new_job("work", {})

    def handler(arguments, progress):
        job.cancel_path.touch()
        progress.stage("next", total=1)
        pytest.fail("must not go on")

    with pytest.raises(Cancelled):
        run(handler, job)
    assert job.state == "cancelled"


@pytest.fixture
def interruptible():
    """As in a terminal: a shell lets what it starts in the background ignore the key that interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("asked", [False, True])
def test_signals_interrupt_unless_a_cancel_was_asked_for(number, asked):
    job = new_job("work", {})
    before = signal.getsignal(signal.SIGTERM)

    def handler(arguments, progress):
        if asked:
            job.cancel_path.touch()
        signal.raise_signal(number)
        pytest.fail("must not go on")

    with pytest.raises(Cancelled if asked else KeyboardInterrupt):
        run(handler, job)
    assert job.state == ("cancelled" if asked else "interrupted")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_running_job_is_not_executed_twice():
    job = new_job("work", {})

    def handler(arguments, progress):
        with pytest.raises(UserError, match="running already"):
            run(lambda a, p: {}, job)
        return {}

    run(handler, job)
    assert job.state == "done"


def test_status_is_throttled_and_the_heart_beats_during_a_long_piece(monkeypatch):
    monkeypatch.setattr(progress_module, "HEARTBEAT_SECONDS", 0.05)
    job = new_job("work", {})
    writes = []
    plain = type(job).write_status
    monkeypatch.setattr(type(job), "write_status", lambda *args, **kw: (writes.append(1), plain(*args, **kw)))

    def handler(arguments, progress):
        progress.stage("long", total=1)
        first = job.status.heartbeat
        time.sleep(0.3)
        assert job.status.heartbeat > first
        return {}

    run(handler, job)
    monkeypatch.setattr(progress_module, "HEARTBEAT_SECONDS", 60.0)
    progress = JobProgress(new_job("work", {}))
    progress.stage("quick", total=10_000)
    writes.clear()
    for _ in range(1000):
        progress.advance()
    assert len(writes) <= 3
    progress.end("done", "done")
    progress._try_write()
    assert progress._job.stored_status().state == "done"  # nothing is published after the end
