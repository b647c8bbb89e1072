"""Artefacts appear whole, resume, and never stand in for one another."""

import errno
import json
import os
import subprocess
import sys
import time

import pytest

from mda.errors import UserError
from mda.store.artefact import SCHEMA, building, list_artefacts, open_artefact
from mda.store.atomic import write_json
from mda.store.identity import identity

SPEC = {"model": {"name": "tiny", "step": 3}, "damping": 0.1, "rows": [0, 10]}


def build(folder, spec=SPEC, kind="scores", result=None):
    with building(folder, kind, spec) as work:
        assert not work.ready
        (work.folder / "sub").mkdir()
        (work.folder / "sub" / "data.txt").write_text("numbers")
        return work.finish(result or {"n": 10})


def fail(folder, kind="scores", spec=SPEC, wait=0.0):
    def attempt():
        with building(folder, kind, spec) as work:
            (work.folder / "part-0").write_text("old")
            time.sleep(wait)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        attempt()


def test_built_artefact_is_whole_and_found_ready(tmp_path):
    final = tmp_path / "study" / "scores"
    made = build(final, result={"n": 10, "bad": float("nan"), "nested": [1, {"a": "b"}]})
    assert sorted(path.name for path in final.iterdir()) == ["manifest.json", "sub"]
    assert not final.with_name("scores.partial").exists()
    opened = open_artefact(final, "scores")
    assert opened == made
    assert opened.spec == SPEC
    assert opened.identity == identity(SPEC)
    assert opened.result == {"n": 10, "bad": None, "nested": [1, {"a": "b"}]}
    assert opened.hardware["cores"] >= 1
    on_disk = json.loads((final / "manifest.json").read_text())
    assert {
        "schema",
        "kind",
        "spec",
        "identity",
        "code_version",
        "created",
        "seconds",
        "hardware",
        "result",
    } == (on_disk.keys())
    with building(final, "scores", dict(reversed(SPEC.items()))) as work:
        assert work.ready
        assert work.manifest == made
        assert work.folder == final


def test_failed_build_is_resumed_and_its_time_counted(tmp_path):
    final = tmp_path / "scores"
    fail(final, wait=0.05)
    assert not final.exists()
    with pytest.raises(UserError, match="is not finished"):
        open_artefact(final, "scores")
    with building(final, "scores", SPEC) as work:
        assert (work.folder / "part-0").read_text() == "old"
        manifest = work.finish({})
    assert manifest.seconds >= 0.05
    assert (final / "part-0").exists()


@pytest.mark.parametrize("spoil", ["other spec", "other kind", "no note"])
def test_partial_of_something_else_is_thrown_away(tmp_path, spoil):
    final = tmp_path / "scores"
    kind, spec = ("tables" if spoil == "other kind" else "scores"), {**SPEC, "damping": 0.2}
    fail(final, kind, SPEC if spoil == "no note" else spec)
    if spoil == "no note":
        (tmp_path / "scores.partial" / "spec.json").write_text("{")
    with building(final, "scores", {**SPEC, "damping": 0.2} if spoil == "other kind" else SPEC) as work:
        assert not (work.folder / "part-0").exists()


def test_another_specification_is_refused_and_the_difference_named(tmp_path):
    final = tmp_path / "scores"
    build(final)
    asked = {"model": {"name": "tiny", "step": 4}, "damping": 0.1, "seed": 0}
    with pytest.raises(UserError) as caught, building(final, "scores", asked):
        pytest.fail("must not be entered")
    message = str(caught.value)
    assert "model.step is 3 there and 4 is asked" in message
    assert "rows is [0, 10] there and not asked" in message
    assert "seed is missing there and 0 is asked" in message
    assert "damping" not in message
    assert "name" not in message.split("another specification")[1].split(";")[0]
    with (
        pytest.raises(UserError, match=r"damping is 0\.1 there and true is asked"),
        building(final, "scores", {**SPEC, "damping": True}),
    ):
        pass
    with pytest.raises(UserError, match="holds 'scores', not 'tables'"), building(final, "tables", SPEC):
        pass


@pytest.mark.parametrize("damage", ["missing", "torn", "schema", "tampered", "list"])
def test_half_written_or_foreign_folders_are_refused(tmp_path, damage):
    final = tmp_path / "scores"
    build(final)
    path = final / "manifest.json"
    content = json.loads(path.read_text())
    if damage == "missing":
        path.unlink()
    elif damage == "torn":
        path.write_text(path.read_text()[:-30])
    elif damage == "list":
        path.write_text("[]")
    else:
        content["schema"] = SCHEMA + 1 if damage == "schema" else SCHEMA
        content["spec"]["damping"] = 0.5 if damage == "tampered" else 0.1
        path.write_text(json.dumps(content))
    for use in (lambda: open_artefact(final, "scores"), lambda: building(final, "scores", SPEC).__enter__()):
        with pytest.raises(UserError, match=r"not a whole artefact.*delete that folder"):
            use()
    assert list_artefacts(tmp_path, "scores") == []
    assert (final / "sub" / "data.txt").exists()  # refusing deletes nothing


def test_listing_is_newest_first_and_passes_over_the_rest(tmp_path):
    assert list_artefacts(tmp_path / "none", "scores") == []
    for name in ("b", "a", "c"):
        build(tmp_path / name)
    build(tmp_path / "other", kind="tables")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    fail(tmp_path / "d")
    assert [folder.name for folder, _ in list_artefacts(tmp_path, "scores")] == ["c", "a", "b"]
    with pytest.raises(UserError, match="does not exist"):
        open_artefact(tmp_path / "none", "scores")


BUILDER = """
import sys, time
from pathlib import Path
from mda.store.artefact import building
with building(Path(sys.argv[1]), "scores", {"a": 1}) as work:
    (work.folder / "part").write_text("by the other")
    print("building", flush=True)
    sys.stdin.readline()
    work.finish({})
"""


def test_two_processes_never_build_the_same(tmp_path):
    final = tmp_path / "scores"
    command = [sys.executable, "-c", BUILDER, str(final)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "building\n"
        with (
            pytest.raises(UserError, match="being built by another process"),
            building(final, "scores", {"a": 1}),
        ):
            pytest.fail("must not be entered")
        other.communicate("\n")
    assert other.returncode == 0
    with building(final, "scores", {"a": 1}) as work:
        assert work.ready


def test_killed_builder_leaves_no_lock_and_its_work(tmp_path):
    final = tmp_path / "scores"
    command = [sys.executable, "-c", BUILDER, str(final)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        other.stdout.readline()
        other.kill()
    with building(final, "scores", {"a": 1}) as work:
        assert (work.folder / "part").read_text() == "by the other"
        work.finish({})
    assert final.exists()


def test_ready_artefact_can_be_read_while_another_reads(tmp_path):
    final = tmp_path / "scores"
    build(final)
    with building(final, "scores", SPEC) as one, building(final, "scores", SPEC) as other:
        assert one.ready
        assert other.ready


@pytest.mark.parametrize("where", ["body", "manifest"])
def test_full_disk_keeps_what_was_finished(tmp_path, monkeypatch, where):
    final = tmp_path / "scores"

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def attempt(patch):
        with building(final, "scores", SPEC) as work:
            write_json(work.folder / "part-0.json", [1, 2])
            patch.setattr("os.replace", full)
            if where == "body":
                full()
            work.finish({})

    with monkeypatch.context() as patch, pytest.raises(UserError, match="disk is full"):
        attempt(patch)
    assert not final.exists()
    with building(final, "scores", SPEC) as work:
        assert json.loads((work.folder / "part-0.json").read_text()) == [1, 2]
        work.finish({})


def test_a_finished_workspace_cannot_be_finished_again(tmp_path):
    with building(tmp_path / "scores", "scores", SPEC) as work:
        work.finish({})
        with pytest.raises(RuntimeError):
            work.finish({})
