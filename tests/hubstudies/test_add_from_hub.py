"""`mda study add` and `mda study revisions` with a hub: what is found, what is refused, and what is left."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import tiny_pythia
from hub_server import TOKEN
from safetensors.torch import save

from mda.hub.preshuffled import DEDUPED, STANDARD
from mda.studies.hub import add_hub_study
from mda.studies.row_sources import RowsAsked
from mda.studies.study import Study


@pytest.fixture
def add(hub, cache, mda):
    return lambda *options: mda("study", "add", *options)


def kept(cache: Path) -> list[Path]:
    """What a refusal left of studies."""
    return [path for path in cache.glob("*/*") if path.parts[-2] not in ("hub", "jobs")]


def test_a_pythia_by_its_name_alone(add, hub, cache):
    told = add("pythia-14m", "--json").json
    assert told["hub"] == "EleutherAI/pythia-14m"
    assert (told["steps"], told["steps_here"]) == (list(hub.tiny.steps), [])
    assert (told["layers"], told["heads_per_layer"], told["seq_len"], told["rows"]) == (6, 4, 64, 4224)
    assert (told["batch_size"], told["rows_from"], told["in_order"]) == (1024, DEDUPED, True)
    assert told["held_out"] == [4224 - 256, 4224]
    assert told["held_out_seen_by"] == [4, 8, 16, 32, 64, 128, 256, 512, 1000]
    assert (told["recipe"]["learning_rate"], told["recipe"]["decay_steps"]) == (1e-3, 143_000)
    assert hub.weight_requests() == []  # nothing large came
    study = Study.open("pythia-14m")
    assert study.facts.hub is not None
    assert study.facts.hub.commits == {step: hub.tiny.shas[f"step{step}"] for step in hub.tiny.steps}
    assert study.facts.preshuffled is not None
    assert study.facts.preshuffled.commit == hub.tiny.data_shas[DEDUPED]
    assert study.facts.probe_ids == list(range(2, 300))  # neither special ids nor the embedding's padding
    assert study.facts.start_id == 0
    np.testing.assert_array_equal(study.rows[[5, 1407, 4223]], hub.tiny.rows_deduped[[5, 1407, 4223]])
    assert study.tokenizer is not None
    assert study.text(0).split()[0] == str(study.tokenizer.decode(hub.tiny.rows_deduped[0])).split()[0]


def test_identity_is_of_repository_commits_and_rows(add, hub, cache):
    first = add("pythia-14m", "--json").json
    assert add("pythia-14m", "--json").json == first
    spec = Study.open("pythia-14m").manifest.spec
    assert spec["weights"]["1000"] == f"EleutherAI/pythia-14m@{hub.tiny.shas['step1000']}"
    assert spec["rows"] == f"{DEDUPED}@{hub.tiny.data_shas[DEDUPED]}"
    assert "rows" in add("pythia-14m", "--rows", STANDARD).refusal
    moved = {"step4": {**_files(hub, "step4"), "README.md": b"mended"}}
    hub.server.add_repo("model", "EleutherAI/pythia-14m", moved)
    assert "weights.4" in add("pythia-14m").refusal


def _files(hub, revision):
    repo = hub.server.repos[("models", "EleutherAI/pythia-14m")]
    return dict(repo.commits[repo.branches[revision]])


def _model(hub, name, revisions=("step0", "step5", "main"), **config):
    """Another repository, of the tiny Pythia's files with another configuration."""
    files = {**_files(hub, "step0"), "config.json": json.dumps(tiny_pythia.config() | config).encode()}
    return hub.server.add_repo("model", name, dict.fromkeys(revisions, files))


def test_the_other_order_is_taken_only_where_sources_disagree(add, hub):
    assert add("pythia-14m", "--rows", STANDARD, "--json").json["in_order"] is True
    for repo, rows, in_order in (
        ("EleutherAI/pythia-70m", STANDARD, True),
        ("EleutherAI/pythia-70m-deduped", DEDUPED, True),
        ("EleutherAI/pythia-70m-deduped", STANDARD, False),
        ("EleutherAI/pythia-70m-seed3", STANDARD, False),
        ("EleutherAI/pythia-160m-weight-seed1", STANDARD, True),
        ("me/neox", STANDARD, True),
    ):
        _model(hub, repo)
        name = f"{repo.split('/')[1]}-{rows[16:19]}"
        told = add(name, "--checkpoints", repo, "--rows", rows, "--json").json
        assert told["in_order"] is in_order, name
        assert (told["held_out_seen_by"] != []) is in_order


def test_a_repository_of_ones_own(add, hub, tmp_path):
    shas = _model(hub, "me/neox")
    assert "say with --rows" in add("own", "--checkpoints", "me/neox").refusal
    rows = tmp_path / "rows.npy"
    np.save(rows, hub.tiny.rows_standard[:90, :33])
    told = add("own", "--checkpoints", "me/neox", "--rows", rows, "--batch-size", 8, "--json").json
    assert (told["hub"], told["steps"], told["batch_size"], told["seq_len"]) == ("me/neox", [0, 5], 8, 32)
    assert (told["held_out"], told["in_order"]) == ([40, 90], True)
    study = Study.open("own")
    np.testing.assert_array_equal(study.rows, hub.tiny.rows_standard[:90, :33])
    assert study.weights_digest(5) == f"me/neox@{shas['step5']}"
    assert study.load(5).dtype.is_floating_point


def test_a_repository_without_steps_is_a_study_of_one_checkpoint(add, hub):
    _model(hub, "me/one", revisions=("main",))
    told = add("one", "--checkpoints", "me/one", "--rows", STANDARD, "--json").json
    assert (told["steps"], told["in_order"]) == ([0], False)
    hub.server.add_repo("model", "me/none", {"other": _files(hub, "step0")})
    assert "neither revisions named step0" in add("none", "--checkpoints", "me/none", "--rows", STANDARD).refusal


def test_a_data_set_of_text(add, hub):
    lines = [{"text": f"the river {n}", "body": f"a stone {n} " * 40} for n in range(400)]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    sha = hub.server.add_repo("dataset", "me/texts", {"main": {"train.jsonl": content, "README.md": b"#"}})["main"]
    for name, options in (("a", ["me/texts:body"]), ("b", ["me/texts", "--column", "body"])):
        told = add(name, "--checkpoints", "EleutherAI/pythia-14m", "--rows", *options, "--json").json
        assert (told["in_order"], told["held_out"][1], told["seq_len"]) == (False, told["rows"], 64)
        study = Study.open(name)
        assert study.text(0).startswith("a stone 0 a stone 0")
        assert study.manifest.spec["rows_from"] == f"me/texts@{sha}"
    refused = add("c", "--checkpoints", "EleutherAI/pythia-14m", "--rows", "me/texts:nope").refusal
    assert "no column 'nope'" in refused
    assert "text, body" in refused
    text = ["--checkpoints", "EleutherAI/pythia-14m", "--rows"]
    for other in ([STANDARD], [__file__]):
        assert "leave them out here" in add("c", *text, *other, "--split", "train").refusal


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("pythia-14n", "pythia-14m"),
        ("pythia-70-deduped", "pythia-70m-deduped"),
        ("Pythia-160m-seed11", "pythia-160m-seed1"),
    ],
)
def test_wrong_names_are_answered_with_the_nearest(add, hub, cache, name, near):
    study = name.lower()
    assert near in (add(study).refusal if study == name else add("x", "--checkpoints", name).refusal)
    refused = add("x", "--checkpoints", f"EleutherAI/{name}").refusal
    assert f"the nearest are EleutherAI/{near}" in refused or near in refused
    assert "check the name" in refused
    assert kept(cache) == []


def test_a_name_that_is_like_none(add, hub, cache):
    assert "say with --checkpoints" in add("mine").refusal
    assert "nearest" not in add("mine", "--checkpoints", "zzz/qqq").refusal
    assert "holds no checkpoint" in add("mine", "--checkpoints", "./nowhere/at/all", "--rows", "r.npy").refusal
    assert kept(cache) == []


REFUSED = {
    "another architecture": ({"model_type": "gpt2"}, "only GPT-NeoX"),
    "a tokenizer with more tokens": ({"vocab_size": 299}, "The tokenizer has 300 tokens and the model 299"),
    "rows too long": ({"max_position_embeddings": 32}, "sees at most 32 positions"),
    "no sizes": ({"hidden_size": "x"}, "not a valid configuration"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_before_anything_large(add, hub, cache, case):
    change, sentence = REFUSED[case]
    _model(hub, "EleutherAI/pythia-70m", **change)
    assert sentence in add("pythia-70m").refusal
    assert hub.weight_requests() == []
    assert kept(cache) == []


def test_ids_that_the_model_does_not_have(add, hub, cache, tmp_path):
    files = {name: content for name, content in _files(hub, "step0").items() if "token" not in name}
    files["config.json"] = json.dumps(tiny_pythia.config() | {"vocab_size": 40}).encode()
    hub.server.add_repo("model", "EleutherAI/pythia-70m", {"step0": files, "step1": files})
    assert "the model has 40" in add("pythia-70m").refusal
    assert kept(cache) == []


def test_repositories_without_the_small_files(add, hub, cache):
    hub.server.add_repo("model", "me/bare", {"step0": {"model.safetensors": b""}})
    assert "has no config.json" in add("bare", "--checkpoints", "me/bare", "--rows", STANDARD).refusal
    broken = {**_files(hub, "step0"), "tokenizer.json": b"{nope"}
    hub.server.add_repo("model", "me/broken", {"step0": broken})
    assert "me/broken is not a tokenizer" in add("b", "--checkpoints", "me/broken", "--rows", STANDARD).refusal
    without = {name: content for name, content in _files(hub, "step0").items() if "token" not in name}
    hub.server.add_repo("model", "me/without", {"step0": without, "step1": without})
    told = add("without", "--checkpoints", "me/without", "--rows", STANDARD, "--json").json
    assert told["tokenizer"] is False
    texts = {"main": {"train.jsonl": b'{"text": "the river"}\n'}}
    hub.server.add_repo("dataset", "me/texts", texts)
    assert "--tokenizer PATH" in add("x", "--checkpoints", "me/without", "--rows", "me/texts").refusal
    assert sorted(kept(cache)) == [cache / "without" / "study", cache / "without" / "study.lock"]


def test_gated_and_private(add, hub, cache, monkeypatch):
    hub.server.gated.add("EleutherAI/pythia-14m")
    refused = add("pythia-14m").refusal
    assert "is gated" in refused
    assert "HF_TOKEN" in refused
    assert "nearest" not in refused
    assert kept(cache) == []
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert add("pythia-14m", "--json").json["rows"] == 4224


def test_no_network(add, hub, cache, monkeypatch):
    hub.server.stop()
    assert "cannot be reached" in add("pythia-14m").refusal
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE is set" in add("pythia-14m").refusal
    assert kept(cache) == []


@pytest.mark.parametrize("fault", ["cut", "429", "500"])
def test_trouble_on_the_way_passes(add, hub, fault):
    hub.server.fail(fault, "", times=2)
    assert add("pythia-14m", "--json").json["rows"] == 4224


def test_a_commit_that_changes_between_two_requests(add, hub, cache):
    hub.server.fail("changed", "config.json", times=9)
    assert "try again" in add("pythia-14m").refusal
    assert kept(cache) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["pythia-14m", "--batch-size", 8], "trained on 1024 rows a step"),
        (["pythia-14m", "--batch-size", 0], "--batch-size 0"),
        (["pythia-14m", "--keep", -1], "--keep -1"),
        (["pythia-14m", "--tokenizer", "/nowhere"], "/nowhere is not a tokenizer"),
        (["pythia-14m", "--rows", "me/not-there"], "no dataset me/not-there"),
        (["pythia-14m", "--rows", "rows.npy"], "There is no file"),
        (["jobs", "--checkpoints", "EleutherAI/pythia-14m"], "cannot be a study's name"),
        (["x", "--checkpoints", "a--b/c"], "not the name of a repository"),
        (["x", "--checkpoints", "tests"], "Say with --rows"),
        (["x", "--checkpoints", "tests", "--rows", "r.npy", "--keep", 2], "--keep is about downloaded"),
    ],
)
def test_options_that_do_not_fit(add, hub, cache, options, sentence, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    assert sentence in add(*options).refusal
    assert kept(cache) == []


def test_read_only(add, hub, cache, monkeypatch):
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    assert "read-only" in add("pythia-14m").refusal
    assert not cache.exists()


def test_revisions(hub, cache, mda):
    told = mda("study", "revisions", "pythia-14m", "--json").json
    assert told["repo"] == "EleutherAI/pythia-14m"
    by_step = {one["step"]: one for one in told["checkpoints"]}
    assert list(by_step) == list(hub.tiny.steps)
    for step, one in by_step.items():
        files = _files(hub, f"step{step}")
        weights = files.get("model.safetensors", files.get("pytorch_model.bin", b""))
        assert one == {"step": step, "commit": hub.tiny.shas[f"step{step}"], "bytes": len(weights), "here": False}
    assert not cache.exists()  # looking makes nothing
    add_hub_study("mine", "EleutherAI/pythia-14m", RowsAsked(STANDARD)).checkpoint(4)
    told = mda("study", "revisions", "EleutherAI/pythia-14m", "--json").json
    assert [one["step"] for one in told["checkpoints"] if one["here"]] == [4]
    lines = mda("study", "revisions", "pythia-14m").out.splitlines()
    assert len(lines) == 12
    assert "here" in lines[3]
    assert "no weights" in lines[6]
    assert "pythia-14m" in mda("study", "revisions", "EleutherAI/pythia-14").refusal
    assert "not the name of a repository" in mda("study", "revisions", "pythia-14").refusal


def test_weights_of_a_repository_named_by_its_digest(hub):
    """The hub of the tests names files by what is in them, as the real one does, or nothing above means much."""
    content = save(tiny_pythia.tiny_weights(0), {"format": "pt"})
    assert hub.server.blobs[hashlib.sha256(content).hexdigest()] == content
