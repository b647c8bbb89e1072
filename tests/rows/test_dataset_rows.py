"""Rows from a data set of text on the hub: what is streamed, what is refused, and what a fault leaves."""

from __future__ import annotations

import io
import json

import huggingface_hub.constants
import numpy as np
import pandas as pd
import pytest
from hub_server import TOKEN
from tiny_pythia import tiny_tokenizer
from transformers import PreTrainedTokenizerFast

from mda.corpora.dataset_rows import DatasetText, read_dataset
from mda.errors import UserError
from mda.hub.client import HubError, NotThere, Offline

REPO = "someone/texts"
VOCABULARY, LENGTH = 304, 16
TEXTS = [f"the river carried {number} old letters past our house" for number in range(400)]


def parquet(frame: pd.DataFrame, **options: object) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file, **options)
    return file.getvalue()


TRAIN = {
    "data/train-00000-of-00002.parquet": parquet(pd.DataFrame({"text": TEXTS[:150], "n": range(150)})),
    "data/train-00001-of-00002.parquet": parquet(pd.DataFrame({"text": TEXTS[150:], "n": range(250)})),
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer(), eos_token="<|endoftext|>")


@pytest.fixture
def read(hub, tokenizer, monkeypatch):
    """Puts files on the hub and reads them back as rows."""
    import datasets

    # as if the library were imported now
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
    template = "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + template)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", "http://elsewhere.invalid")

    def call(files=TRAIN, max_rows=10_000, **text):
        commit = hub.add_repo("dataset", REPO, {"main": {"README.md": b"# Texts\n", **files}})["main"]
        return read_dataset(DatasetText(REPO, commit, **text), VOCABULARY, LENGTH, tokenizer, max_rows)

    return call


def expected(tokenizer, texts=TEXTS) -> np.ndarray:
    ids = [i for text in texts for i in [*tokenizer.encode(text), tokenizer.eos_token_id]]
    rows = len(ids) // LENGTH
    return np.reshape(ids[: rows * LENGTH], (rows, LENGTH))


def test_all_texts_in_their_order(read, tokenizer):
    found = read()
    np.testing.assert_array_equal(found.tokens, expected(tokenizer))
    assert not found.in_order
    assert found.kinds is None


def test_no_more_is_downloaded_than_the_rows_take(read, hub, tokenizer):
    found = read(max_rows=20)
    np.testing.assert_array_equal(found.tokens, expected(tokenizer)[:20])
    assert not [path for path in hub.paths() if "train-00001" in path]


def test_nothing_is_asked_of_other_servers(read, hub, monkeypatch):
    import datasets

    asked = []
    monkeypatch.setattr(datasets.load, "get_session", lambda: asked.append("elsewhere"))
    read()
    assert asked == []
    assert any("/storage/" in path for path in hub.paths())


def test_configs_splits_and_columns(read, tokenizer):
    card = """---
configs:
- config_name: small
  data_files: [{split: train, path: small/*.jsonl}, {split: test, path: test.jsonl}]
- config_name: large
  data_files: large.jsonl
---
"""
    entries = [json.dumps({"body": text}).encode() + b"\n" for text in TEXTS]
    files = {
        "README.md": card.encode(),
        "small/a.jsonl": b"".join(entries),
        "test.jsonl": b"".join(entries[:100]),
        "large.jsonl": b"".join(entries),
    }
    found = read(files, config="small", column="body")
    np.testing.assert_array_equal(found.tokens, expected(tokenizer))
    assert len(read(files, config="small", column="body", split="test").tokens) < len(found.tokens)
    for choice, told in (
        ({"config": "small"}, "has no column 'text'; it has body"),
        ({"config": "small", "column": "body", "split": "dev"}, "has no split 'dev'; it has train, test"),
        ({"column": "body"}, r"available configs: \['small', 'large'\]"),
        ({"config": "medium", "column": "body"}, "'medium' not found"),
    ):
        with pytest.raises(UserError, match=told) as caught:
            read(files, **choice)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "text", "told"),
    [
        (TRAIN, {"column": "n"}, "holds int and not text"),
        ({}, {}, "cannot be read"),
        ({"a.parquet": b"no table"}, {}, "cannot be read"),
        ({"a.jsonl": b"{nope"}, {}, "cannot be read"),
        ({"a.png": b"\x89PNG"}, {}, "ImageFolder files, and text is read from"),
        ({"a.parquet": parquet(pd.DataFrame({"text": ["a"]}))}, {}, "fewer than one row of 16"),
    ],
    ids=["numbers", "no files", "broken parquet", "broken json", "pictures", "too little"],
)
def test_data_sets_that_are_no_text(read, files, text, told):
    with pytest.raises(UserError, match=told) as caught:
        read(files, **text)
    assert "\n" not in str(caught.value)


def test_files_that_a_card_points_to_elsewhere_are_not_read(read, hub):
    other = hub.add_repo("dataset", "someone/else", {"main": {"a.jsonl": b'{"text": "a"}\n'}})["main"]
    for place in (f"hf://datasets/someone/else@{other}/a.jsonl", f"{hub.url}/x/a.jsonl"):
        card = f"---\nconfigs:\n- config_name: default\n  data_files: {place}\n---\n"
        with pytest.raises(UserError, match=r"don't belong to|outside the hub"):
            read({"README.md": card.encode()})
    assert not [path for path in hub.paths("GET") if "a.jsonl" in path]


def test_a_name_that_does_not_exist(hub, tokenizer, read):
    with pytest.raises(NotThere, match="has no dataset someone/other"):
        read_dataset(DatasetText("someone/other", "0" * 40), VOCABULARY, LENGTH, tokenizer)


def test_gated(read, hub, monkeypatch):
    hub.gated.add(REPO)
    with pytest.raises(NotThere, match="is gated"):
        read()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert len(read().tokens) > 100


def test_offline(read, hub, tokenizer, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Offline, match="HF_HUB_OFFLINE"):
        read()
    monkeypatch.delenv("HF_HUB_OFFLINE")
    commit = hub.add_repo("dataset", REPO, {"main": TRAIN})["main"]
    hub.stop()
    with pytest.raises(Offline, match="cannot be reached"):
        read_dataset(DatasetText(REPO, commit), VOCABULARY, LENGTH, tokenizer)


@pytest.mark.parametrize("kind", ["404", "500", "cut", "wrong length", "garbage"])
def test_faults_amid_the_data(read, hub, tokenizer, tmp_path, monkeypatch, kind):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the library would wait for a minute in all
    hub.fail(kind, "train-00001", 1000)
    with pytest.raises(HubError) as caught:
        read()
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []
    hub.faults.clear()
    np.testing.assert_array_equal(read().tokens, expected(tokenizer))
