"""Checkpoints from the hub: whole or absent, bit by bit what the hub has, whatever goes wrong on the way."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
import threading
from collections import namedtuple
from pathlib import Path

import pytest
import tiny_pythia
import torch
from hub_server import LARGE, git_sha1
from safetensors.torch import load_file, save

from mda.checkpoints.folder import load_model
from mda.checkpoints.hub import HubCheckpoints, NoWeights
from mda.errors import UserError
from mda.hub.client import Changed, HubError, NotThere, Offline
from mda.studies.study import Study


def revision(files: dict[str, bytes]) -> dict[str, bytes]:
    """A revision with these weight files beside config.json."""
    return {"config.json": json.dumps(tiny_pythia.config()).encode(), **files}


@pytest.fixture
def checkpoints_with(hub, tmp_path):
    """Checkpoints, in `tmp_path / "s" / "weights"`, of a model whose step 5 has these files."""

    def make(files: dict[str, bytes]) -> HubCheckpoints:
        sha = hub.server.add_repo("model", "me/model", {"step5": files})["step5"]
        (tmp_path / "config.json").write_text(json.dumps(tiny_pythia.config()))
        return HubCheckpoints("me/model", {5: sha}, tmp_path, tmp_path / "s" / "weights")

    return make


def parameters(folder: Path) -> dict[str, torch.Tensor]:
    """The loaded model's parameters under the names that they are published with."""
    found = load_model(folder).named_parameters()
    return {name.replace("lm_head", "embed_out"): parameter for name, parameter in found}


@pytest.mark.parametrize("step", [0, 1, 1000])
def test_weights_are_those_of_the_hub_and_load_in_fp32(study, step):
    folder = study.checkpoint(step)
    expected = tiny_pythia.tiny_weights(step)
    stored = load_file(folder / "model.safetensors")
    assert stored.keys() == expected.keys()  # no causal masks, no rotary frequencies
    for name, weights in expected.items():
        assert stored[name].dtype == torch.float16
        assert torch.equal(stored[name].view(torch.int16), weights.view(torch.int16)), name
    loaded = parameters(folder)
    assert loaded.keys() == expected.keys()
    for name, parameter in loaded.items():
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, expected[name].float()), name


def test_what_lies_in_a_checkpoints_folder(study, hub):
    for step, converted in ((0, False), (1, True), (1000, False)):
        folder = study.checkpoint(step)
        names = {path.name for path in folder.iterdir()}
        assert names == {"config.json", "model.safetensors", "origin.json"}
        origin = json.loads((folder / "origin.json").read_text())
        assert (origin["repo"], origin["converted"]) == ("EleutherAI/pythia-14m", converted)
        assert origin["commit"] == hub.tiny.shas[f"step{step}"]
        [file] = origin["files"]
        assert file["name"] == ("pytorch_model.bin" if converted else "model.safetensors")
        assert hub.server.blobs[file["sha256"]][:4]
        assert len(hub.server.blobs[file["sha256"]]) == file["size"]
    assert not any(path.endswith(".bin") for path, _ in hub.weight_requests()[2:])  # 1000 has both


def test_nothing_is_asked_twice(study, hub):
    study.checkpoint(0)
    before = len(hub.server.requests)
    hub.server.stop()
    assert study.checkpoint(0).is_dir()
    assert Study.open("pythia-14m").load(0) is not None
    assert len(hub.server.requests) == before


def test_bytes_are_told_before_and_as_they_come(study):
    source, came = study.source, []
    for step in (0, 1):
        size = source.download_bytes(step)
        assert size is not None
        came.clear()
        source.folder(step, came.append)
        assert sum(came) == size
        assert source.download_bytes(step) == 0
    assert source.download_bytes(32) == 0  # nothing there


def shards(weights, kind):
    """The weights in two files with an index, in either format."""
    names = sorted(weights)
    parts = [names[: len(names) // 2], names[len(names) // 2 :]]
    stem, ending = ("model", "safetensors") if kind == "safetensors" else ("pytorch_model", "bin")
    files, places = {}, {}
    for number, part in enumerate(parts, start=1):
        name = f"{stem}-{number:05d}-of-00002.{ending}"
        tensors = {key: weights[key] for key in part}
        files[name] = save(tensors, {"format": "pt"}) if kind == "safetensors" else tiny_pythia.old_bin(tensors)
        places |= dict.fromkeys(part, name)
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    return files | {f"{stem}.{ending}.index.json": json.dumps(index).encode()}


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_weights_in_several_files(checkpoints_with, kind):
    weights = tiny_pythia.tiny_weights(1000)
    files = shards(weights, kind)
    source = checkpoints_with(revision(files))
    assert source.download_bytes(5) == sum(map(len, files.values()))
    folder = source.folder(5)
    assert not list(folder.glob("*.bin*"))
    for name, parameter in parameters(folder).items():
        assert torch.equal(parameter, weights[name].float())
    assert source.here(5)
    next(folder.glob("model-*.safetensors")).unlink()
    assert not source.here(5)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda index: index["weight_map"].update({"x": "../../outside.safetensors"}),
        lambda index: index.pop("weight_map"),
        lambda index: index["weight_map"].update({"x": 7}),
    ],
)
def test_an_index_that_leads_nowhere(checkpoints_with, tmp_path, spoil):
    files = shards(tiny_pythia.tiny_weights(0), "safetensors")
    index = json.loads(files["model.safetensors.index.json"])
    spoil(index)
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    with pytest.raises(NoWeights, match="not an index"):
        checkpoints_with(revision(files)).folder(5)


def test_the_format_before_2020(checkpoints_with):
    weights = tiny_pythia.tiny_weights(0)
    file = io.BytesIO()
    torch.save(weights, file, _use_new_zipfile_serialization=False)
    folder = checkpoints_with(revision({"pytorch_model.bin": file.getvalue()})).folder(5)
    assert torch.equal(load_file(folder / "model.safetensors")["embed_out.weight"], weights["embed_out.weight"])


class Hostile:
    """Pickled, it writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.write_text, (self.path, "run"))


def test_a_pickle_that_would_run_code(checkpoints_with, tmp_path):
    file = io.BytesIO()
    torch.save({"a": torch.ones(2), "b": Hostile(tmp_path / "run")}, file)
    for content in (file.getvalue(), pickle.dumps(Hostile(tmp_path / "run"))):
        source = checkpoints_with(revision({"pytorch_model.bin": content}))
        with pytest.raises(NoWeights, match="damaged on the hub") as refused:
            source.folder(5)
        assert "weights_only" not in str(refused.value)  # nobody is told how to run it after all
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"", b"\xff" * 5000, save({}), save({"a": torch.ones(9)})[:-4]])
def test_published_files_that_cannot_be_read(checkpoints_with, tmp_path, hub, content):
    source = checkpoints_with(revision({"model.safetensors": content}))
    with pytest.raises(NoWeights, match="damaged on the hub"):
        source.folder(5)
    root = tmp_path / "s" / "weights"
    assert [path for path in root.rglob("*") if path.is_dir()] == []
    hub.server.stop()  # what a commit holds cannot change, so it is not asked for again
    with pytest.raises(NoWeights, match="damaged on the hub"):
        source.folder(5)
    assert source.absent(5) is not None
    assert source.download_bytes(5) == 0


def test_a_step_without_weights(study, hub):
    with pytest.raises(NoWeights, match="no weights at step 32"):
        study.checkpoint(32)
    hub.server.stop()
    with pytest.raises(NoWeights, match="no weights at step 32"):
        Study.open("pythia-14m").checkpoint(32)
    assert study.source.absent(0) is None


def test_a_model_of_other_sizes_or_kind(checkpoints_with, tmp_path):
    weights = save(tiny_pythia.tiny_weights(0))
    for key, value, sentence in (("num_attention_heads", 8, "other sizes"), ("model_type", "gpt2", "gpt2")):
        files = {"config.json": json.dumps(tiny_pythia.config() | {key: value}).encode()}
        source = checkpoints_with(files | {"model.safetensors": weights})
        with pytest.raises(UserError, match=sentence):
            load_model(source.folder(5))
        shutil.rmtree(tmp_path / "s", ignore_errors=True)


def test_a_revision_without_a_configuration_has_the_studys(checkpoints_with):
    source = checkpoints_with({"model.safetensors": save(tiny_pythia.tiny_weights(0))})
    assert load_model(source.folder(5)).config.num_hidden_layers == 6


def test_one_cut_is_resumed_at_once(study, hub):
    hub.server.fail("cut", "pytorch_model.bin")
    folder = study.checkpoint(1)
    ranges = [bytes_wanted for _, bytes_wanted in hub.weight_requests()]
    assert ranges[0] is None
    assert ranges[1].startswith("bytes=")
    weights = tiny_pythia.tiny_weights(1)
    assert torch.equal(load_file(folder / "model.safetensors")["embed_out.weight"], weights["embed_out.weight"])


def test_a_network_that_goes_down_in_the_middle(study, hub, cache, left):
    class DownError(Exception):
        pass

    def after_a_while(bytes_):
        if bytes_:
            raise DownError

    with pytest.raises(DownError):
        study.source.folder(1, after_a_while)
    assert left() == []
    hub.server.stop()
    with pytest.raises(Offline, match="mda study download pythia-14m --steps 1`"):
        study.checkpoint(1)
    hub.server.start()
    before = len(hub.weight_requests())
    study.checkpoint(1)
    assert left() == ["step1"]
    assert not list((cache / "pythia-14m" / "weights").glob(".*partial"))
    assert len(hub.weight_requests()) - before <= 1  # what had come was not thrown away


@pytest.mark.parametrize(
    ("fault", "error"), [("wrong length", HubError), ("garbage", Changed), ("changed", Changed), ("404", NotThere)]
)
def test_other_bytes_than_promised_are_refused(study, hub, left, fault, error):
    hub.server.fail(fault, "model.safetensors", times=99)
    with pytest.raises(error):
        study.checkpoint(0)
    assert left() == []
    hub.server.faults.clear()
    assert load_model(study.checkpoint(0)) is not None


@pytest.mark.parametrize("fault", ["429", "500"])
def test_trouble_that_passes(study, hub, fault):
    hub.server.fail(fault, "model.safetensors", times=2)
    assert study.checkpoint(0).is_dir()


def test_a_disk_nearly_full(study, left, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(UserError, match="free some space"):
        study.checkpoint(0)
    assert left() == []


def test_offline_has_what_is_here_and_says_what_brings_the_rest(study, monkeypatch):
    study.checkpoint(0)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert study.checkpoint(0).is_dir()
    with pytest.raises(Offline, match="mda study download pythia-14m --steps 4`"):
        study.checkpoint(4)
    assert study.source.download_bytes(4) is None


def test_offline_takes_what_the_library_has_in_its_cache(study, hub, tmp_path):
    """As huggingface_hub lays it out: blobs by their ETag, and links to them for every commit."""
    home = tmp_path / "hf-cache" / "models--EleutherAI--pythia-14m"
    sha = hub.tiny.shas["step4"]
    (home / "blobs").mkdir(parents=True)
    (home / "snapshots" / sha).mkdir(parents=True)
    for name, content in hub.server.repos[("models", "EleutherAI/pythia-14m")].commits[sha].items():
        etag = hashlib.sha256(content).hexdigest() if name.endswith(LARGE) else git_sha1(content)
        (home / "blobs" / etag).write_bytes(content)
        (home / "snapshots" / sha / name).symlink_to(f"../../blobs/{etag}")
    for path in (home, home / "blobs", home / "snapshots" / sha):
        path.chmod(0o555)  # nothing is written there
    hub.server.stop()
    loaded, weights = parameters(study.checkpoint(4)), tiny_pythia.tiny_weights(4)
    assert torch.equal(loaded["embed_out.weight"], weights["embed_out.weight"].float())


def test_what_was_damaged_on_disk_is_brought_again(study):
    path = study.checkpoint(0) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert not study.source.here(0)
    assert load_model(study.checkpoint(0)) is not None
    (study.checkpoint(0) / "origin.json").write_text("{}")
    assert not study.source.here(0)
    assert load_model(study.checkpoint(0)) is not None


def test_a_checkpoint_of_another_commit_is_not_taken(study, hub):
    folder = study.checkpoint(0)
    origin = json.loads((folder / "origin.json").read_text())
    (folder / "origin.json").write_text(json.dumps(origin | {"commit": "e" * 40}))
    assert not study.source.here(0)
    study.checkpoint(0)
    assert json.loads((folder / "origin.json").read_text())["commit"] == hub.tiny.shas["step0"]


def test_read_only(study, monkeypatch):
    study.checkpoint(0)
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    assert Study.open("pythia-14m").checkpoint(0).is_dir()
    with pytest.raises(UserError, match="read-only"):
        Study.open("pythia-14m").checkpoint(1)


def test_two_at_once_bring_a_step_once(study, hub):
    hub.server.fail("slow", "/resolve/", times=2, seconds=0.2)
    studies = [Study.open("pythia-14m") for _ in range(3)]
    folders = []
    threads = [threading.Thread(target=lambda one=one: folders.append(one.checkpoint(1))) for one in studies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folders == [study.source.kept.folder(1)] * 3
    assert len(hub.weight_requests()) == 1
