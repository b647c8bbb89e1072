"""Requests that cannot be met: exit code 2, one sentence on stderr, nothing on stdout, nothing lost."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

import mda.curvature.exact as exact
import mda.workflows.attribute as work
from mda.studies.attributions import list_attributions

ATTRIBUTE = ("attribute", "tiny", "--step", 20, "--head", "L1H1", "--probe-sequences", 32)
RETRAIN = ("retrain", "tiny", "--from", 10, "--to", 20)
REMOVE = (*RETRAIN, "--action", "remove")


def replaced(command, **options):
    """The command with options added or replaced."""
    words = list(command)
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if option in words:
            words[words.index(option) + 1] = value
        else:
            words += [option, value]
    return tuple(words)


REFUSED = [
    (("study", "show", "nope"), "There is no study 'nope' (there is: tiny)"),
    (("heads", "nope"), "There is no study 'nope'"),
    (replaced(ATTRIBUTE, step=7), "the nearest are 0, 10, 20"),
    (replaced(ATTRIBUTE, step="x"), "is not a list of steps"),
    (replaced(ATTRIBUTE, head="L9H9"), "has no head L9H9"),
    (replaced(ATTRIBUTE, head="L1"), "is not a head"),
    (replaced(ATTRIBUTE, head=""), "is not a head"),
    (replaced(ATTRIBUTE, through="L0H5"), "has no head L0H5"),
    (replaced(ATTRIBUTE, probe="x"), "choose one of prefix_matching"),
    (replaced(ATTRIBUTE, curvature="x"), "choose one of ekfac"),
    (replaced(ATTRIBUTE, blocks="x"), "use qk or qkvo"),
    (replaced(ATTRIBUTE, rows="5"), "is not a range of rows"),
    (replaced(ATTRIBUTE, rows="a:b"), "is not a range of rows"),
    (replaced(ATTRIBUTE, rows="5:5"), "which has rows 0:96"),
    (replaced(ATTRIBUTE, rows="9:5"), "which has rows 0:96"),
    (replaced(ATTRIBUTE, rows="90:97"), "which has rows 0:96"),
    (replaced(ATTRIBUTE, rows="-4:10"), "which has rows 0:96"),
    (replaced(ATTRIBUTE, fit_rows=1), "fit_rows"),
    (replaced(ATTRIBUTE, seed=-1), "seed"),
    (replaced(ATTRIBUTE, probe_sequences=15), "probe_sequences"),
    (replaced(ATTRIBUTE, head="L0H0", through="L1H0"), "choose --through heads of an earlier layer"),
    (("top", "nope"), "There is no attribution 'nope'"),
    (("top", "../tiny"), "is not the id of an attribution"),
    (("top", "*"), "is not the id of an attribution"),
    (("compare", "nope"), "There is no retrain 'nope'"),
    (("compare", "../tiny"), "is not the id of a retrain"),
    (("jobs", "show", "nope"), "there is no job 'nope'"),
    (("jobs", "cancel", "../jobs"), "there is no job"),
    (("jobs", "resume", "20260101-000000-heads-0000"), "there is no job"),
    (("demo", "--steps", 150), "multiple of 100"),
    (("demo", "--steps", 0), "steps"),
    (("demo", "--seed", -1), "seed"),
    (replaced(RETRAIN, action="x"), "action"),
    (replaced(RETRAIN, action="baseline", to=10), "each must come after"),
    (replaced(RETRAIN, action="baseline", to=5), "each must come after"),
    (replaced(RETRAIN, action="baseline", until=15), "each must come after"),
    (replaced(RETRAIN, action="baseline", until=21), "steps up to 20"),
    (replaced(RETRAIN, action="baseline", **{"from": 5}), "the nearest are 0, 10, 20"),
    (replaced(RETRAIN, action="baseline", every=0), "every"),
    (replaced(RETRAIN, action="baseline", replicate=-1), "replicate"),
    (replaced(RETRAIN, action="baseline", select="top"), "A baseline changes nothing"),
    (replaced(RETRAIN, action="baseline", attribution="x"), "A baseline changes nothing"),
    (REMOVE, "Say which rows"),
    (replaced(REMOVE, select="x", fraction=0.1), "select"),
    (replaced(REMOVE, select="random"), "needs --fraction"),
    *(
        (replaced(REMOVE, select="random", fraction=fraction), "fraction")
        for fraction in (0, -0.1, 1.5, "nan", "inf")
    ),
    (replaced(REMOVE, select="random", fraction=1), "removing every row"),
    (replaced(REMOVE, select="top", fraction=0.1), "needs --attribution"),
    (replaced(REMOVE, select="top", fraction=0.1, attribution="nope"), "has no attribution 'nope'"),
    (replaced(REMOVE, select="top", fraction=0.1, attribution="../x"), "is not the id of an attribution"),
    (replaced(REMOVE, select="top", fraction=0.1, rows="41"), "leave --rows out"),
    (replaced(REMOVE, select="random", fraction=0.1, rows="41"), "leave --rows out"),
    (replaced(REMOVE, select="rows"), "needs the rows"),
    (replaced(REMOVE, select="rows", rows=""), "needs the rows"),
    (replaced(REMOVE, select="rows", rows="x"), "is not a row number"),
    (replaced(REMOVE, select="rows", rows="39"), "outside the training window (rows 40 to 79)"),
    (replaced(REMOVE, select="rows", rows="70:81"), "outside the training window"),
    (replaced(REMOVE, select="rows", rows="50:45"), "holds 0 rows"),
    (replaced(REMOVE, select="rows", rows="0:99999999999"), "name 1 to 10,000,000"),
    (replaced(REMOVE, select="rows", rows="@nowhere"), "is not a text file of row numbers"),
    (replaced(REMOVE, select="rows", rows="41", fraction=0.1), "leave --fraction"),
]


@pytest.mark.parametrize(("command", "sentence"), REFUSED, ids=lambda part: " ".join(map(str, part))[:90])
def test_refused(study, mda, command, sentence):
    assert sentence in mda(*command).refusal
    assert not list_attributions("tiny")
    assert not list((study.folder.parent / "retrains").glob("*/manifest.json"))


@pytest.mark.parametrize(
    "command",
    [
        ("x",),
        ("attribute",),
        ("attribute", "tiny", "--head", "L1H1"),
        (*ATTRIBUTE, "--seed", "x"),
        (*ATTRIBUTE, "--x"),
    ],
)
def test_command_lines_that_make_no_sense(study, mda, command):
    ran = mda(*command)
    assert (ran.code, ran.out) == (2, "")
    assert "Error" in ran.err
    assert "Traceback" not in ran.err


def test_a_window_that_the_attribution_does_not_cover(study, mda):
    told = mda(*ATTRIBUTE, "--rows", "44:80", "--json").json
    refused = mda(*replaced(REMOVE, select="top", fraction=0.1, attribution=told["id"]))
    assert "scored rows 44 to 80, and the window is 40 rows of 40:80" in refused.refusal
    assert "steps 11 to 20" in refused.refusal


def test_exact_curvature_of_a_block_too_large(study, mda, monkeypatch):
    monkeypatch.setattr(exact, "LARGEST_BLOCK", 100)
    assert "Use --curvature ekfac" in mda(*ATTRIBUTE, "--curvature", "exact").refusal


def test_matched_kind_without_kinds(study, mda, tiny_cache, tmp_path):
    np.save(tmp_path / "rows.npy", study.rows)
    checkpoints = tiny_cache.parent / "tiny-sources" / "checkpoints"
    mda("study", "add", "plain", "--checkpoints", checkpoints, "--rows", tmp_path / "rows.npy", "--batch-size", 4)
    attribution = mda("attribute", "plain", "--step", 20, "--head", "L1H1", "--json").json["id"]
    for select in ("matched-kind", "matched-repetition"):
        command = replaced(REMOVE, select=select, fraction=0.1, attribution=attribution)
        assert "this study has no kinds" in mda("retrain", "plain", *command[2:]).refusal
    text = mda("top", attribution, "-n", 1, "--json").json["rows"][0]
    assert text["kind"] is None
    assert text["text"] == " ".join(map(str, study.rows[text["row"]]))


def test_half_written_artefacts(study, mda):
    told = mda(*ATTRIBUTE, "--json").json
    folder = Path(told["scores"]).parent
    (folder / "manifest.json").unlink()
    assert "it has no manifest" in mda(*ATTRIBUTE).refusal
    assert "it has no manifest" in mda("top", told["id"]).refusal
    assert mda("study", "show", "tiny", "--json").json["attributions"] == []
    shutil.rmtree(folder)
    assert mda(*ATTRIBUTE, "--json").json["id"] == told["id"]


def test_artefacts_that_were_tampered_with(study, mda):
    told = mda(*ATTRIBUTE, "--json").json
    folder = Path(told["scores"]).parent
    manifest = folder / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text(whole.replace('"seed": 0', '"seed": 1'))
    assert "is not a whole artefact" in mda(*ATTRIBUTE).refusal
    manifest.write_text(whole[: len(whole) // 2])
    assert "its manifest is not valid" in mda("top", told["id"]).refusal
    manifest.write_text(whole)
    (folder / "scores.parquet").write_bytes(b"PAR1")
    assert "cannot be read" in mda("top", told["id"]).refusal
    rows = study.folder / "rows.safetensors"
    rows.write_bytes(rows.read_bytes()[:-10])
    assert "truncated or broken" in mda(*ATTRIBUTE, "--seed", 1).refusal


def test_an_artefact_that_another_process_builds(study, mda, tmp_path, monkeypatch):
    told = mda(*ATTRIBUTE, "--json").json
    folder = Path(told["scores"]).parent
    shutil.rmtree(folder)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        assert "is being built by another process" in mda(*ATTRIBUTE).refusal
    assert mda(*ATTRIBUTE, "--json").json["id"] == told["id"]


@pytest.mark.parametrize("writer", ["write_parquet", "write_tensors", "write_json"])
def test_a_full_disk_loses_nothing(study, mda, monkeypatch, writer):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")

    with monkeypatch.context() as patch:
        patch.setattr(work, writer, full)
        assert "the disk is full" in mda(*ATTRIBUTE).refusal
    assert mda("jobs", "list", "--json").json["jobs"][0]["state"] == "failed"
    assert len(list_attributions("tiny")) == 0
    assert mda(*ATTRIBUTE, "--json").json["rows"] == 80


@pytest.mark.parametrize("where", ["file/cache", "file"])
def test_a_cache_that_cannot_be_written(study, mda, tmp_path, monkeypatch, where):
    (tmp_path / "file").touch()
    monkeypatch.setenv(
        "MDA_CACHE", str(tmp_path / "file" / "cache" if where == "below a file" else tmp_path / "file")
    )
    assert "set MDA_CACHE" in mda("demo").refusal
    assert mda("study", "list").code == 0


def test_a_cache_without_permission(study, mda, monkeypatch):
    def refuse(self, *arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        for command in (ATTRIBUTE, ("heads", "tiny"), ("demo",)):
            assert "set MDA_CACHE" in mda(*command).refusal


def console(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The console script, as a shell starts it."""
    script = Path(sys.executable).with_name("mda")
    return subprocess.run([script, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_exit_codes_of_the_console_script(study):
    good = console("jobs", "list", "--json")
    assert (good.returncode, good.stdout, good.stderr) == (0, '{"jobs": []}\n', "")
    bad = console("jobs", "show", "nope")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "there is no job 'nope'; see `mda jobs list`\n"
    assert console("study", "shew").returncode == 2
    assert console("--help").returncode == 0
