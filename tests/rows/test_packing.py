"""Packing of text into rows, against the plain loop that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_pythia import tiny_tokenizer
from transformers import PreTrainedTokenizerFast

from mda.corpora import packing
from mda.corpora.packing import packed
from mda.errors import UserError

EOD = "<|endoftext|>"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer(), eos_token=EOD)


def naive(texts: list[str], tokenizer: PreTrainedTokenizerFast, length: int) -> np.ndarray:
    ids: list[int] = []
    for text in texts:
        ids.extend(tokenizer.encode(text, add_special_tokens=False))
        ids.append(tokenizer.eos_token_id)
    rows = len(ids) // length
    return np.array(ids[: rows * length]).reshape(rows, length)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("MDA_CACHE", str(folder))
    return folder


documents = st.lists(st.text(alphabet="ab the\n\n \t.é漢", max_size=80), min_size=1, max_size=12)


@settings(deadline=None)
@given(documents, st.integers(2, 20), st.integers(0, 40), st.integers(1, 3))
def test_the_same_rows_as_the_plain_loop(tokenizer, texts, length, piece, block):
    """Also where every document is cut in pieces, and every few tokens are a block."""
    expected = naive(texts, tokenizer, length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "_PIECE", piece)
        patch.setattr(packing, "_BLOCK_ROWS", block)
        if len(expected) == 0:
            with pytest.raises(UserError, match=f"fewer than one row of {length}"):
                packed(texts, tokenizer, length, "text")
            return
        for most in (None, 1, len(expected), len(expected) + 3):
            found = packed(texts, tokenizer, length, "text", most)
            np.testing.assert_array_equal(found, expected[:most])


def test_a_long_document_is_cut_between_lines_without_a_trace(tokenizer, monkeypatch):
    monkeypatch.setattr(packing, "_PIECE", 4096)
    text = "the river\n\n carried \n\n\nold letters past\n our house\n" * 200
    assert len(list(packing._pieces(text))) == 3
    assert list(packing._pieces("a" * 9000)) == ["a" * 9000]  # no line ends
    assert "".join(packing._pieces(text)) == text
    np.testing.assert_array_equal(packed([text], tokenizer, 100, "text"), naive([text], tokenizer, 100))


def test_no_more_text_is_asked_for_than_the_rows_take(tokenizer, monkeypatch):
    monkeypatch.setattr(packing, "_BLOCK_ROWS", 1)
    asked = 0
    told: list[int] = []

    def texts():
        nonlocal asked
        while True:
            asked += 1
            yield "the river carried old letters"

    assert packed(texts(), tokenizer, 16, "text", 5, told.append).shape == (5, 16)
    assert sum(told) == 5
    assert asked < 20


def test_memory_does_not_grow_with_the_rows(tokenizer, cache):
    """The rows are mapped from a file that has no name, and go with them."""
    found = packed(["the river carried old letters past our house"] * 2000, tokenizer, 16, "text")
    assert isinstance(found, np.memmap)
    assert found.dtype == np.uint16
    assert list(cache.iterdir()) == []


def test_ids_beyond_two_bytes(cache):
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"a": 70_000, EOD: 1}, unk_token=EOD))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    found = packed(["a a a"], PreTrainedTokenizerFast(tokenizer_object=words, eos_token=EOD), 4, "text")
    np.testing.assert_array_equal(found, [[70_000, 70_000, 70_000, 1]])


def test_a_tokenizer_without_an_end_of_text(cache):
    with pytest.raises(UserError, match="no end-of-text token"):
        packed(["a"], PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer()), 4, "text")


def test_a_full_disk(tokenizer, monkeypatch):
    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def write(self, content):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing, "TemporaryFile", lambda dir: Full())
    with pytest.raises(UserError, match="disk is full"):
        packed(["the river"] * 50, tokenizer, 4, "text")
