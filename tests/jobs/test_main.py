"""`python -m mda.jobs ID`: exit codes, and a light start."""

import subprocess
import sys
import types

import pytest

from mda.errors import UserError
from mda.jobs.__main__ import main
from mda.jobs.files import new_job


def refuse(arguments, progress):
    raise UserError("no such model; choose another")


@pytest.fixture
def handlers(monkeypatch):
    registry = types.ModuleType("mda.workflows.registry")
    registry.HANDLERS = {
        "work": lambda a, p: {"n": a["n"]},
        "refuse": refuse,
        "crash": lambda a, p: {"x": 1 / 0},
    }
    monkeypatch.setitem(sys.modules, "mda.workflows", types.ModuleType("mda.workflows"))
    monkeypatch.setitem(sys.modules, "mda.workflows.registry", registry)
    return registry


@pytest.mark.parametrize(
    ("command", "code", "state"),
    [("work", 0, "done"), ("refuse", 2, "failed"), ("crash", 1, "failed"), ("unknown", 2, "failed")],
)
def test_exit_codes(handlers, command, code, state):
    job = new_job(command, {"n": 3})
    assert main([job.id]) == code
    assert job.state == state


def test_cancelled_job_exits_with_1(handlers):
    job = new_job("work", {"n": 3})
    job.cancel_path.touch()
    assert main([job.id]) == 1
    assert job.state == "cancelled"


def test_workflows_that_cannot_be_imported_fail_the_job(monkeypatch):
    monkeypatch.setitem(sys.modules, "mda.workflows.registry", None)
    job = new_job("work", {})
    assert main([job.id]) == 1
    assert job.status.message.startswith("internal error: ")


def test_wrong_calls_are_refused(capsys):
    assert main([]) == 2
    assert main(["../../etc"]) == 2
    assert "mda jobs list" in capsys.readouterr().err


def test_looking_at_jobs_imports_no_heavy_library():
    modules = "import sys, mda.jobs.launch, mda.jobs.__main__"
    code = f"{modules}; print({{'torch', 'pandas', 'streamlit'}} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
