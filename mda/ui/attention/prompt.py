"""A typed text as token ids, and the words in it that the tokenizer has no token for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class Prompt:
    """Token ids of a text; `unknown` are its pieces that became the unknown token, each once; `cut` is how many
    tokens were left out at its end."""

    ids: list[int]
    unknown: list[str]
    cut: int


def read_prompt(text: str, tokenizer: PreTrainedTokenizerFast, start_id: int, longest: int) -> Prompt:
    """The text after the start token, `longest` tokens at most."""
    read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, places = [int(token) for token in read["input_ids"]], read["offset_mapping"]
    mark = tokenizer.unk_token
    unknown = [
        text[first:last]
        for token, (first, last) in zip(ids, places, strict=True)
        if mark is not None and token == tokenizer.unk_token_id and text[first:last] != mark
    ]
    whole = [start_id, *ids]
    return Prompt(whole[:longest], list(dict.fromkeys(unknown)), max(0, len(whole) - longest))
