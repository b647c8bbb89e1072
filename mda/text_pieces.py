"""The text of each token of a row, such that the texts joined are the text of the row.

A token of a byte-level tokenizer can be part of a character: decoded by itself it is a replacement mark. So a
row's bytes are read as one stream, and a character belongs to the token that completes it; the tokens before have
no text.
"""

from __future__ import annotations

import codecs
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast


def token_pieces(ids: list[int], tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The text of each of the token ids [T]: joined, what the tokenizer makes of all of them.

    Ids that the tokenizer does not know, and first parts of a character, have no text.
    """
    whole = str(tokenizer.decode(ids))
    if type(tokenizer.backend_tokenizer.decoder).__name__ == "ByteLevel":
        pieces = _by_bytes(ids, tokenizer.backend_tokenizer)
    else:
        pieces = [str(tokenizer.decode([one])) for one in ids]
    return pieces if "".join(pieces) == whole else _by_beginnings(ids, tokenizer, whole)


def _by_bytes(ids: list[int], tokenizer: Tokenizer) -> list[str]:
    """The pieces of a byte-level tokenizer."""
    reader = codecs.getincrementaldecoder("utf-8")("replace")
    pieces = [reader.decode(_bytes_of(tokenizer.id_to_token(one))) for one in ids]
    if pieces:
        pieces[-1] += reader.decode(b"", final=True)  # a row may end inside a character
    return pieces


def _by_beginnings(ids: list[int], tokenizer: PreTrainedTokenizerFast, whole: str) -> list[str]:
    """The pieces of any tokenizer: what every token adds to the text before it. Reads T beginnings of the row."""
    cuts = [0]
    for count in range(1, len(ids)):
        begun = str(tokenizer.decode(ids[:count]))
        cuts.append(max(_shared(begun, whole), cuts[-1]))
    return [whole[first:last] for first, last in zip(cuts, [*cuts[1:], len(whole)], strict=True)] if ids else []


def _shared(one: str, other: str) -> int:
    """How many letters two texts begin with alike."""
    if other.startswith(one):
        return len(one)
    differing = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differing, min(len(one), len(other)))


def _bytes_of(token: str | None) -> bytes:
    """The bytes that a token of a byte-level vocabulary stands for; one with other letters stands for itself."""
    letters = _letters()
    if token is None:
        return b""
    if all(letter in letters for letter in token):
        return bytes(letters[letter] for letter in token)
    return token.encode("utf-8", "replace")


@cache
def _letters() -> dict[str, int]:
    """The byte of each letter of the byte-level alphabet: letters of Latin-1 are their own byte, the others stand
    for the bytes that are left, in order."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    own = {letter: ord(letter) for letter in letters if ord(letter) < 256}
    others = [letter for letter in letters if letter not in own]
    left = sorted(set(range(256)) - set(own.values()))
    return {**own, **dict(zip(others, left, strict=True))}
