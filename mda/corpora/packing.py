"""Text into rows: documents one after the other, an end-of-text token behind each, cut into rows of one length."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import numpy as np

from mda.errors import UserError
from mda.store.atomic import disk_errors
from mda.store.paths import cache_root

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_BLOCK_ROWS = 256  # written at once
_PIECE = 2**20  # characters tokenised at once: a tokenizer needs a hundred times their memory
# Where a long document may be cut. Tokenizers like Pythia's never join a line's end to what begins the next line.
_CUT = re.compile(r"\n(?=\S)")


def packed(
    texts: Iterable[str],
    tokenizer: PreTrainedTokenizerFast,
    length: int,
    source: str,
    most: int | None = None,
    advance: Callable[[int], None] = lambda rows: None,
) -> np.ndarray:
    """Rows [N, length] of token ids; what does not fill a last row is dropped.

    No text is asked for once there are `most` rows. The rows lie in a nameless file on the cache's disk and are
    mapped, so that memory holds one document and a block of rows, however many there are; `advance` is told rows
    as they come. `source` names the text in the UserError for too little of it; another one is raised where the
    tokenizer has no end-of-text token, or the disk is full.
    """
    if tokenizer.eos_token_id is None:
        raise UserError("The tokenizer has no end-of-text token to put between documents; add an eos_token.")
    largest = max(tokenizer.get_vocab().values())
    dtype = np.dtype(np.uint16 if largest < 2**16 else np.uint32)
    count, left = 0, np.empty(0, dtype)
    with disk_errors():
        cache_root().mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=cache_root()) as file:
            for ids in _blocks(texts, tokenizer, dtype, _BLOCK_ROWS * length):
                ids = np.concatenate([left, ids])
                rows = len(ids) // length if most is None else min(len(ids) // length, most - count)
                file.write(ids[: rows * length].tobytes())
                left = ids[rows * length :]
                count += rows
                advance(rows)
                if count == most:
                    break
            if count == 0:
                raise UserError(
                    f"{source} holds {len(left)} tokens of text, fewer than one row of {length}; give more text."
                )
            file.flush()
            return np.memmap(file, dtype, mode="c", shape=(count, length))


def _blocks(
    texts: Iterable[str], tokenizer: PreTrainedTokenizerFast, dtype: np.dtype, size: int
) -> Iterator[np.ndarray]:
    """Token ids of the texts with end-of-text behind each, `size` or more at a time but for the last."""
    waiting: list[np.ndarray] = []
    total = 0
    for text in texts:
        for piece in _pieces(text):
            waiting.append(np.array(tokenizer.encode(piece, add_special_tokens=False, verbose=False), dtype=dtype))
            total += len(waiting[-1])
        waiting.append(np.array([tokenizer.eos_token_id], dtype=dtype))
        if total >= size:
            yield np.concatenate(waiting)
            waiting, total = [], 0
    if waiting:
        yield np.concatenate(waiting)


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces of about `_PIECE` characters, cut only where that changes no token."""
    start = 0
    while cut := _CUT.search(text, start + _PIECE):
        yield text[start : cut.end()]
        start = cut.end()
    yield text[start:]
