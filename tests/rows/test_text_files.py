"""Rows from text files and folders of them, and from tables in several files; text has no order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_pythia import tiny_tokenizer
from transformers import PreTrainedTokenizerFast

from mda.corpora.files import read_rows
from mda.errors import UserError

VOCABULARY, LENGTH = 304, 12
EOD = "<|endoftext|>"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer(), eos_token=EOD)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "cache"))


def written(folder: Path, **contents: str | bytes) -> Path:
    for name, content in contents.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def ids(tokenizer, *texts: str) -> list[int]:
    return [i for text in texts for i in [*tokenizer.encode(text), tokenizer.eos_token_id]]


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path, tokenizer):
    folder = written(
        tmp_path / "texts",
        b_txt="the river carried old letters\r\n",
        a_md="# five quick wizards",
        sub__c_py="def jump(): pass",
        picture_png=b"\x89PNG",
        _hidden__d_txt="not this",
        **{"_hidden_txt": "nor this"},
    )
    (folder / "bom.txt").write_bytes("﻿é".encode())
    found = read_rows(folder, VOCABULARY, LENGTH, tokenizer)
    expected = ids(tokenizer, "# five quick wizards", "the river carried old letters\r\n", "é", "def jump(): pass")
    assert not found.in_order
    assert found.kinds is None
    rows = len(expected) // LENGTH
    np.testing.assert_array_equal(found.tokens, np.reshape(expected[: rows * LENGTH], (rows, LENGTH)))


def test_one_text_file_is_one_document(tmp_path, tokenizer):
    folder = written(tmp_path, a_txt="the river carried old letters past our house " * 3)
    found = read_rows(folder / "a.txt", VOCABULARY, LENGTH, tokenizer)
    assert not found.in_order
    assert (found.tokens == tokenizer.eos_token_id).sum() <= 1


@pytest.mark.parametrize("ending", [".parquet", ".jsonl"])
def test_a_folder_of_tables_is_one_table(tmp_path, tokenizer, ending):
    rows = np.random.default_rng(0).integers(0, VOCABULARY, (30, LENGTH))
    (tmp_path / "tables").mkdir()
    for number, part in enumerate((rows[:11], rows[11:12], rows[12:])):
        entries = [{"input_ids": row.tolist(), "kind": f"k{number}"} for row in part]
        path = tmp_path / "tables" / f"part-{number}{ending}"
        if ending == ".parquet":
            pd.DataFrame(entries).to_parquet(path)
        else:
            path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    (tmp_path / "tables" / "README.md").write_text("# About these tables")
    found = read_rows(tmp_path / "tables", VOCABULARY, LENGTH, None)
    np.testing.assert_array_equal(found.tokens, rows)
    assert found.in_order
    assert found.kinds == ["k0"] * 11 + ["k1"] + ["k2"] * 18


def test_a_named_column_of_text(tmp_path, tokenizer):
    texts = ["the river carried", None, "old letters past our house", "five quick wizards jumped"]
    pd.DataFrame({"body": texts, "n": range(4)}).to_parquet(tmp_path / "rows.parquet")
    found = read_rows(tmp_path / "rows.parquet", VOCABULARY, LENGTH, tokenizer, "body")
    expected = ids(tokenizer, *(text for text in texts if text))
    rows = len(expected) // LENGTH
    np.testing.assert_array_equal(found.tokens, np.reshape(expected[: rows * LENGTH], (rows, LENGTH)))
    assert not found.in_order
    for column, told in (("n", "holds int and not text"), ("other", "has no column 'other'; it has body, n")):
        with pytest.raises(UserError, match=told):
            read_rows(tmp_path / "rows.parquet", VOCABULARY, LENGTH, tokenizer, column)


@pytest.mark.parametrize(
    ("contents", "told"),
    [
        ({}, "There is no file or folder"),
        ({"x_png": b"1"}, "holds no file to read"),
        ({"_txt__x": "hidden is not taken"}, "holds no file to read"),
        ({"x_txt": b"caf\xe9"}, r"x.txt is not text in UTF-8 \(at byte 3\)"),
        ({"x_txt": "short"}, "fewer than one row of 12"),
        ({"x_txt": ""}, "fewer than one row of 12"),
        ({"x_parquet": b"1", "x_jsonl": b"{}"}, r"both .parquet and .jsonl"),
        ({"x_jsonl": ""}, "is empty"),
        ({"x_jsonl": '{"text": "a"}\n{"text": 3}\n'}, "holds int and not text"),
    ],
)
def test_folders_that_are_no_rows(tmp_path, tokenizer, contents, told):
    written(tmp_path / "texts", **contents)
    with pytest.raises(UserError, match=told) as caught:
        read_rows(tmp_path / "texts", VOCABULARY, LENGTH, tokenizer)
    assert "\n" not in str(caught.value)


def test_text_needs_a_tokenizer(tmp_path):
    written(tmp_path / "texts", x_txt="the river")
    with pytest.raises(UserError, match="--tokenizer"):
        read_rows(tmp_path / "texts", VOCABULARY, LENGTH, None)


def test_a_link_to_nowhere_is_passed_over(tmp_path, tokenizer):
    written(tmp_path / "texts", a_txt="the river carried old letters past our house " * 3)
    (tmp_path / "texts" / "b.txt").symlink_to(tmp_path / "nowhere.txt")
    assert len(read_rows(tmp_path / "texts", VOCABULARY, LENGTH, tokenizer).tokens) > 0
