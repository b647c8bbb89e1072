"""`mda study add`: checkpoints that are taken, damaged ones that are refused, and adding a study again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from building import tiny_model_config
from safetensors.torch import load_file, save_file

from mda.studies.study import Study
from mda.training.recipe import new_model


@pytest.fixture
def sources(tiny_cache, tmp_path, monkeypatch) -> Path:
    """The tiny sources to spoil, and an empty cache."""
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copytree(tiny_cache.parent / "tiny-sources", tmp_path / "sources"))


@pytest.fixture
def add(sources, mda):
    def call(*options, checkpoints=sources / "checkpoints", name="new", batch_size=4):
        rows = sources / "rows.parquet"
        return mda(
            *("study", "add", name, "--checkpoints", checkpoints, "--rows", rows),
            *("--batch-size", batch_size, *options),
        )

    return call


def test_with_and_without_optimizer_states(add, sources, mda):
    assert add("--json").json["steps"] == [0, 10, 20]
    stored = mda("retrain", "new", "--from", 10, "--to", 12, "--action", "baseline", "--json").json
    assert stored["fresh_optimizer"] is False
    for file in (sources / "checkpoints").glob("*/optimizer.safetensors"):
        file.unlink()
    fresh = mda("retrain", "new", "--from", 10, "--to", 12, "--action", "baseline", "--json").json
    assert fresh["fresh_optimizer"] is True
    assert fresh["id"] != stored["id"]


def change_weights(path: Path, change) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, {"format": "pt"})


def query(tensors) -> str:
    return next(name for name in tensors if "query_key_value.weight" in name)


def nan(step0):
    change_weights(step0 / "model.safetensors", lambda t: t[query(t)].__setitem__((0, 0), float("nan")))


def truncated(step0):
    path = step0 / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def header_cut(step0):
    path = step0 / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5])


def lacking(step0):
    change_weights(step0 / "model.safetensors", lambda t: t.pop(query(t)))


def misshapen(step0):
    change_weights(step0 / "model.safetensors", lambda t: t.update({query(t): t[query(t)][:-1].contiguous()}))


def config(**changes):
    def spoil(step0):
        path = step0 / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return spoil


def text_config(text):
    return lambda step0: (step0 / "config.json").write_text(text)


def other_shape(step0):
    shutil.rmtree(step0.parent / "step10")
    new_model(tiny_model_config(d_model=32), seed=0).save_pretrained(step0.parent / "step10")


DAMAGE = {
    "nan": (nan, "not finite"),
    "truncated": (truncated, "cannot be read"),
    "header cut": (header_cut, "cannot be read"),
    "lacking": (lacking, "lack gpt_neox.layers.0.attention.query_key_value.weight"),
    "misshapen": (misshapen, "lack gpt_neox.layers.0.attention.query_key_value.weight"),
    "gpt2": (config(model_type="gpt2"), "holds a 'gpt2' model"),
    "size is text": (config(hidden_size="x"), "is not a valid configuration"),
    "indivisible": (config(hidden_size=17), "is not a valid configuration"),
    "config cut": (text_config('{"model'), "is not a model configuration"),
    "config a list": (text_config("[]"), "is not a model configuration"),
    "no weights": (lambda step0: (step0 / "model.safetensors").unlink(), "has no model.safetensors"),
    "no weights later": (lambda step0: (step0.parent / "step20" / "model.safetensors").unlink(), "step20 has no"),
    "other shape": (other_shape, "step10 has hidden_size 32 and step0 has 16"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_checkpoints_are_refused(add, sources, tmp_path, damage):
    spoil, sentence = DAMAGE[damage]
    spoil(sources / "checkpoints" / "step0")
    assert sentence in add().refusal
    assert not (tmp_path / "cache" / "new" / "study").exists()


def test_folders_without_checkpoints(add, tmp_path, sources):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere", sources / "rows.parquet"):
        assert "holds no checkpoint" in add(checkpoints=folder).refusal
    shutil.move(sources / "checkpoints" / "step0" / "config.json", tmp_path)
    assert add("--json").json["steps"] == [10, 20]  # a folder without a configuration is no checkpoint


@pytest.mark.parametrize("step", [10, 20])
def test_damage_met_later_is_told_too(add, sources, mda, step):
    nan(sources / "checkpoints" / f"step{step}")
    add()
    assert "not finite" in mda("heads", "new").refusal
    kept = mda("heads", "new", "--steps", 0, "--json").json
    assert kept["steps"] == list(range(0, step, 10))  # what was scored before the damage is there
    assert "not finite" in mda("attribute", "new", "--step", step, "--head", "L1H1").refusal


@pytest.mark.parametrize("damage", ["cut", "no variance", "other names", "other shape"])
def test_optimizer_states_that_do_not_fit(add, sources, mda, damage):
    path = sources / "checkpoints" / "step10" / "optimizer.safetensors"
    tensors = load_file(path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "no variance":
        save_file({name: value for name, value in tensors.items() if not name.endswith("exp_avg_sq")}, path)
    elif damage == "other names":
        save_file({f"other.{name}": value for name, value in tensors.items()}, path)
    else:
        save_file(
            {name: value[:1].contiguous() if value.dim() else value for name, value in tensors.items()}, path
        )
    add()
    assert "optimizer" in mda("retrain", "new", "--from", 10, "--to", 12, "--action", "baseline").refusal


def test_adding_again(add, sources, tmp_path):
    first = add("--json").json
    assert add("--json").json == first
    assert "batch_size is 4 there and 8 is asked" in add(batch_size=8).refusal
    assert "tokenizer" in add("--tokenizer", sources / "tokenizer").refusal
    shutil.copytree(sources / "checkpoints", tmp_path / "moved")
    assert "choose another name" in add(checkpoints=tmp_path / "moved").refusal
    shutil.rmtree(tmp_path / "cache" / "new" / "study")
    assert add("--json", checkpoints=tmp_path / "moved").json == first


def test_weights_that_changed_after_the_study_was_added(add, sources, mda):
    add()
    mda("heads", "new", "--steps", 0)
    change_weights(sources / "checkpoints" / "step10" / "model.safetensors", lambda t: t[query(t)].mul_(2))
    for command in (
        ("heads", "new"),
        ("attribute", "new", "--step", 10, "--head", "L1H1"),
        ("retrain", "new", "--from", 10, "--to", 12, "--action", "baseline"),
    ):
        assert "at step 10 changed since" in mda(*command).refusal
    assert mda("heads", "new", "--steps", 0, "--json").json["steps"] == [0]


@pytest.mark.parametrize("name", ["../out", "/out", "a/b", "..", "jobs", "", "x.partial", "A", "x" * 65, "a\nb"])
def test_names_that_could_leave_the_cache(add, tmp_path, name, mda):
    before = sorted(tmp_path.rglob("*"))
    assert "cannot be a study's name" in add(name=name).refusal
    assert "cannot be a study's name" in mda("study", "show", name).refusal
    assert sorted(tmp_path.rglob("*")) == before


def test_batch_size_of_nothing(add):
    assert "--batch-size 0" in add(batch_size=0).refusal


def test_a_study_without_its_checkpoints(add, sources, mda):
    add()
    shutil.rmtree(sources / "checkpoints")
    assert "holds no checkpoint" in mda("study", "show", "new").refusal
    assert Study.open("new").facts.rows == 96
