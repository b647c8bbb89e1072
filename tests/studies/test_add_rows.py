"""`mda study add`: every form of rows that is taken, and those that are refused with one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from building import SEQ_LEN, tiny_model_config
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from mda.corpora.demo.vocabulary import demo_tokenizer
from mda.studies.study import Study
from mda.training.recipe import new_model


@pytest.fixture
def add(tiny_cache, tmp_path, monkeypatch, mda):
    """Adds rows to the tiny checkpoints as study `new`, in an empty cache."""
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "cache"))
    sources = tiny_cache.parent / "tiny-sources"

    def call(rows, *options, checkpoints=sources / "checkpoints", name="new"):
        return mda("study", "add", name, "--checkpoints", checkpoints, "--rows", rows, "--batch-size", 4, *options)

    return call


@pytest.fixture
def tokens(tiny_cache) -> np.ndarray:
    return np.array(pd.read_parquet(tiny_cache.parent / "tiny-sources" / "rows.parquet")["input_ids"].tolist())


@pytest.fixture
def tokenizer(tiny_cache) -> Path:
    return tiny_cache.parent / "tiny-sources" / "tokenizer"


def write(path: Path, content) -> Path:
    """A file in the format that its name says; lists of records become Parquet or JSON lines."""
    if path.suffix == ".npy" and isinstance(content, np.ndarray):
        np.save(path, content)
    elif isinstance(content, str):
        path.write_text(content)
    elif path.suffix == ".parquet":
        pd.DataFrame(content).to_parquet(path)
    else:
        path.write_text("".join(json.dumps(record) + "\n" for record in content))
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64", ">i4"])
def test_npy(add, tmp_path, tokens, dtype):
    told = add(write(tmp_path / "rows.npy", tokens.astype(dtype)), "--json").json
    assert told["rows"] == 96
    assert told["held_out"] == [80, 96]  # the last checkpoint has seen 20 steps of 4 rows
    assert told["kinds"] is None
    assert told["tokenizer"] is False
    np.testing.assert_array_equal(Study.open("new").rows, tokens)


@pytest.mark.parametrize("column", ["input_ids", "tokens"])
@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
@pytest.mark.parametrize("kinds", [False, True])
def test_tables_of_ids(add, tmp_path, tokens, column, suffix, kinds):
    names = ["prose", "code", "log"]
    records = [
        {column: row.tolist()} | ({"kind": names[number % 3]} if kinds else {})
        for number, row in enumerate(tokens)
    ]
    told = add(write(tmp_path / f"rows{suffix}", records), "--json").json
    study = Study.open("new")
    np.testing.assert_array_equal(study.rows, tokens)
    assert told["kinds"] == (sorted(names) if kinds else None)
    assert study.kind_names(np.arange(4)) == ([*names, names[0]] if kinds else [None] * 4)


def test_text_is_packed_with_end_of_text_between_documents(add, tmp_path, tokenizer):
    texts = ["BariBeno the old river", " one stone", "Fora"] * 20
    add(write(tmp_path / "rows.jsonl", [{"text": text} for text in texts]), "--tokenizer", tokenizer, "--json")
    reader, expected = demo_tokenizer(), []
    for text in texts:
        expected += [*reader.encode(text), reader.eos_token_id]
    study = Study.open("new")
    length = SEQ_LEN + 1
    count = len(expected) // length
    np.testing.assert_array_equal(study.rows, np.array(expected[: count * length]).reshape(count, length))
    assert study.text(0).startswith("BariBeno the old river<|endoftext|> one stone<|endoftext|>Fora<|endoftext|>")


def test_a_document_longer_than_a_mebibyte(add, tmp_path, tokenizer):
    text = "the old river " * 90_000
    rows = write(tmp_path / "rows.jsonl", [{"text": "one stone"}, {"text": text}])
    assert add(rows, "--tokenizer", tokenizer, "--json").json["rows"] > 5000


def test_a_single_model_folder_is_step_0(add, tmp_path, tokens, tiny_cache):
    one = tiny_cache.parent / "tiny-sources" / "checkpoints" / "step20"
    told = add(write(tmp_path / "rows.npy", tokens), "--json", checkpoints=one).json
    assert told["steps"] == [0]
    assert told["held_out"] == [0, 96]
    assert told["in_order"] is False  # nothing says when it saw a row


def test_ids_are_in_training_order_and_text_is_not(add, tmp_path, tokens, tokenizer):
    told = add(write(tmp_path / "rows.npy", tokens), "--json").json
    assert told["in_order"] is True
    assert (told["held_out"], told["held_out_seen_by"]) == ([80, 96], [])
    text = write(tmp_path / "rows.jsonl", [{"text": "the old river one stone"}] * 90)
    told = add(text, "--tokenizer", tokenizer, "--json", name="text").json
    assert told["in_order"] is False
    assert told["held_out"] == [0, told["rows"]]
    assert told["held_out_seen_by"] == []


def test_special_tokens_are_no_probe_tokens(add, tmp_path, tokens, tokenizer):
    add(write(tmp_path / "rows.npy", tokens), "--tokenizer", tokenizer)
    facts = Study.open("new").facts
    assert facts.start_id == 0
    assert facts.probe_ids == list(range(1, 256))


def ragged(tokens):
    return [{"input_ids": row.tolist()[: 20 + number % 2]} for number, row in enumerate(tokens)]


BAD_ROWS = {
    "missing.npy": (None, "There is no file"),
    "high.npy": (lambda t: t + 1000, "outside the model's vocabulary of 256"),
    "negative.npy": (lambda t: t - 1, "token id -1"),
    "float.npy": (lambda t: t.astype(float), "float64 and not integers"),
    "bool.npy": (lambda t: t > 3, "bool and not integers"),
    "flat.npy": (lambda t: t[0], "shape (33,)"),
    "none.npy": (lambda t: t[:0], "shape (0, 33)"),
    "short.npy": (lambda t: t[:, :5], "T >= 8"),
    "long.npy": (lambda t: np.concatenate([t, t], axis=1), "cut the rows to 33"),
    "text.npy": (lambda t: "the old river", "save it with numpy.save"),
    "empty.npy": (lambda t: "", "save it with numpy.save"),
    "rows.txt": (lambda t: "the old river", "--tokenizer"),
    "rows.xlsx": (lambda t: "the old river", "is not a file of rows"),
    "rows": (lambda t: "the old river", "is not a file of rows"),
    "ragged.parquet": (ragged, "different lengths"),
    "ragged.jsonl": (ragged, "different lengths"),
    "null.parquet": (
        lambda t: [{"input_ids": None if n == 3 else r.tolist()} for n, r in enumerate(t)],
        "lengths",
    ),
    "hole.jsonl": (lambda t: [{"tokens": [*r.tolist()[:-1], None]} for r in t], "lengths"),
    "float.parquet": (lambda t: [{"input_ids": (r + 0.5).tolist()} for r in t], "not integers"),
    "string.parquet": (lambda t: [{"input_ids": "a"}], "not lists of integers"),
    "number.jsonl": (lambda t: [{"input_ids": 3}], "not lists of integers"),
    "other.parquet": (lambda t: [{"other": 3}], "it has other"),
    "broken.parquet": (lambda t: "no Parquet", "cannot be read as parquet"),
    "broken.jsonl": (lambda t: "{nope", "cannot be read as jsonl"),
    "empty.jsonl": (lambda t: "", "is empty"),
    "lists.jsonl": (lambda t: "[1, 2]\n[3, 4]\n", "cannot be read as jsonl"),
    "text.jsonl": (lambda t: [{"text": "the old river"}], "--tokenizer"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows_are_refused(add, tmp_path, tokens, name):
    make, sentence = BAD_ROWS[name]
    if make is not None:
        write(tmp_path / name, make(tokens))
    assert sentence in add(tmp_path / name).refusal
    assert not (tmp_path / "cache" / "new" / "study").exists()


def test_pickled_arrays_are_never_loaded(add, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path(tmp_path / "sprung").touch, ())

    np.save(tmp_path / "rows.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    assert "pickled" in add(tmp_path / "rows.npy").refusal
    assert not (tmp_path / "sprung").exists()


def test_more_than_255_kinds(add, tmp_path, tokens):
    many = np.repeat(tokens, 3, axis=0)
    records = [{"input_ids": row.tolist(), "kind": f"k{number}"} for number, row in enumerate(many)]
    assert "at most 255" in add(write(tmp_path / "rows.parquet", records)).refusal


def test_tokenizers_that_do_not_fit(add, tmp_path, tokens, tokenizer):
    rows = write(tmp_path / "rows.npy", tokens % 90)
    small = tmp_path / "small"
    new_model(tiny_model_config(vocab=100), seed=0).save_pretrained(small)
    assert "256 tokens and the model 100" in add(rows, "--tokenizer", tokenizer, checkpoints=small).refusal
    assert "is not a tokenizer" in add(rows, "--tokenizer", tmp_path).refusal
    assert "is not a tokenizer" in add(rows, "--tokenizer", tmp_path / "nowhere").refusal
    endless = Tokenizer(models.WordLevel({"the": 0, "a": 1}, unk_token="a"))
    endless.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=endless).save_pretrained(tmp_path / "endless")
    text = write(tmp_path / "rows.jsonl", [{"text": "the a " * 90}])
    assert "no end-of-text token" in add(text, "--tokenizer", tmp_path / "endless").refusal


def test_too_little_text(add, tmp_path, tokenizer):
    rows = write(tmp_path / "rows.jsonl", [{"text": "the"}, {"text": None}])
    assert "fewer than one row of 33" in add(rows, "--tokenizer", tokenizer).refusal
