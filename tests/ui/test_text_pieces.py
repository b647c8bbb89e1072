"""The texts of a row's tokens: joined they are the row's text, whatever the tokenizer."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_pythia import VOCABULARY, tiny_tokenizer
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from mda import text_pieces
from mda.corpora.demo.vocabulary import demo_tokenizer
from mda.text_pieces import token_pieces

ADDED = ("    ", "é€ x")  # with letters outside the byte-level alphabet, as Pythia's runs of spaces are


def byte_level() -> PreTrainedTokenizerFast:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer())
    tokenizer.add_tokens(list(ADDED))
    return tokenizer


def with_spaces_before() -> PreTrainedTokenizerFast:
    """Whose decoder drops the space before the first token, so that a token's own text is not its part."""
    vocabulary = {"▁": 0, "▁the": 1, "river": 2, "s": 3, "▁🎉": 4}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="▁"))
    tokenizer.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


BYTES, SPACES, DEMO = byte_level(), with_spaces_before(), demo_tokenizer()


@given(st.lists(st.integers(0, VOCABULARY + 3), max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_ids_of_a_byte_level_tokenizer_join_to_their_text(ids: list[int]) -> None:
    pieces = token_pieces(ids, BYTES)
    assert len(pieces) == len(ids)
    assert "".join(pieces) == BYTES.decode(ids)


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_a_written_text_keeps_its_characters(text: str) -> None:
    pieces = token_pieces(BYTES.encode(text, add_special_tokens=False), BYTES)
    assert "".join(pieces) == text
    assert "\ufffd" in text or not any("\ufffd" in piece for piece in pieces)


@pytest.mark.parametrize(("tokenizer", "size"), [(SPACES, 5), (DEMO, 256)])
def test_other_tokenizers_join_too(tokenizer: PreTrainedTokenizerFast, size: int) -> None:
    @given(st.lists(st.integers(0, size - 1), max_size=20))
    @settings(max_examples=60, deadline=None)
    def check(ids: list[int]) -> None:
        pieces = token_pieces(ids, tokenizer)
        assert len(pieces) == len(ids)
        assert "".join(pieces) == tokenizer.decode(ids)

    check()


def test_a_character_belongs_to_the_token_that_completes_it() -> None:
    ids = BYTES.encode("a世🎉", add_special_tokens=False)
    assert token_pieces(ids, BYTES) == ["a", "", "", "世", "", "", "", "🎉"]
    assert token_pieces(ids[:-1], BYTES) == ["a", "", "", "世", "", "", "\ufffd"]  # the row ends inside it
    assert token_pieces(ids[1:3] + ids[:1], BYTES) == ["", "", "\ufffda"]
    assert token_pieces([VOCABULARY - 1, *ids[:1]], BYTES) == ["", "a"]  # an id of no token


def test_a_row_of_2048_tokens_takes_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> list[str]:
        raise AssertionError("a byte-level tokenizer needs one pass")

    monkeypatch.setattr(text_pieces, "_by_beginnings", slow)
    ids = [number % 300 for number in range(2048)]
    token_pieces(ids, BYTES)
    begun = time.perf_counter()
    token_pieces(ids, BYTES)
    assert time.perf_counter() - begun < 0.1
