"""A bounded number of checkpoints on disk: what was not used for longest goes, and never what is in use."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors import safe_open

from mda.checkpoints.kept import Kept
from mda.errors import UserError
from mda.studies.study import Study


def test_the_oldest_used_go_first(study, left):
    study.source.kept.set_keep(3)
    for step in (0, 1, 2):
        study.checkpoint(step)
    time.sleep(0.01)
    study.checkpoint(0)  # used again
    study.checkpoint(4)
    assert left() == ["step0", "step2", "step4"]
    study.checkpoint(8)
    assert left() == ["step0", "step4", "step8"]


def test_all_are_kept_unless_a_number_is_said(study, left):
    for step in (0, 1, 2, 4):
        study.checkpoint(step)
    assert len(left()) == 4
    Study.open("pythia-14m").source.kept.set_keep(1)
    assert left() == ["step2", "step4"]  # the other object uses the last two that it was asked for
    study.source.kept.set_keep(None)
    study.checkpoint(0)
    assert left() == ["step0", "step2", "step4"]


def test_those_in_use_by_another_object_stay(study, left):
    other = Study.open("pythia-14m")
    folder = other.checkpoint(0)
    study.source.kept.set_keep(1)
    for step in (1, 2, 4, 8):
        study.checkpoint(step)
        assert (folder / "model.safetensors").exists()
    assert left() == ["step0", "step4", "step8"]
    del other
    study.checkpoint(16)
    assert left() == ["step16", "step8"]


_HOLDER = """
import sys
from pathlib import Path
from mda.checkpoints.kept import Kept
kept = Kept(Path(sys.argv[1]))
kept.hold(0)
print("holding", flush=True)
sys.stdin.read()
"""


def test_those_in_use_by_another_process_stay_until_it_ends(study, left):
    study.checkpoint(0)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(study.source.kept.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        study.source.kept.set_keep(1)
        for step in (1, 2, 4):
            study.checkpoint(step)
        assert left() == ["step0", "step2", "step4"]
        holder.kill()
        holder.wait()
    study.checkpoint(8)
    assert left() == ["step4", "step8"]


def test_a_file_that_is_open_can_be_read_after_its_checkpoint_is_gone(study, left):
    folder = study.checkpoint(0)
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        study.source.kept.set_keep(1)
        for step in (1, 2, 4):
            study.checkpoint(step)
        assert not folder.exists()
        assert file.get_tensor("embed_out.weight").isfinite().all()


def test_settings_that_cannot_be_read(study, tmp_path):
    kept = Kept(tmp_path)
    assert kept.keep is None
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(UserError, match="how many checkpoints to keep"):
        _ = kept.keep


def test_notes_of_absent_weights_that_cannot_be_read_are_no_notes(tmp_path):
    kept = Kept(tmp_path)
    kept.note_absent("a" * 40, "No.")
    kept.note_absent("b" * 40, "Nor here.")
    assert (kept.absent("a" * 40), kept.absent("b" * 40), kept.absent("c" * 40)) == ("No.", "Nor here.", None)
    (tmp_path / "absent.json").write_text(json.dumps([1]))
    assert kept.absent("a" * 40) is None


def test_in_a_folder_that_cannot_be_written_nothing_is_held(tmp_path):
    path = Path(tmp_path / "file")
    path.write_text("")
    Kept(path / "weights").hold(3)  # neither fails nor makes anything
    assert list(tmp_path.iterdir()) == [path]
