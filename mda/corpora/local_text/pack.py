"""Documents as rows of token ids: a byte-level BPE trained on them, packing, and the order of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from mda.corpora.local_text.find import Document
from mda.corpora.local_text.kinds import KINDS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"
END_ID = 0
_LEARNT_CHARACTERS = 12_000_000  # of documents from which the merges are learnt; more of them change little
_AT_ONCE = 500  # documents encoded between two signs of progress


def train_tokenizer(documents: Sequence[Document], vocab_size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE of `vocab_size` tokens, end-of-text (id 0) and the 256 bytes among them, learnt from the
    first documents; any text survives it."""
    texts = [document.text for document in documents]
    until = int(np.searchsorted(np.cumsum([len(text) for text in texts]), _LEARNT_CHARACTERS)) + 1
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts[:until], trainer)
    from transformers import PreTrainedTokenizerFast  # takes a second, and pages import this module

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        clean_up_tokenization_spaces=False,
    )


def pack(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerFast,
    length: int,
    tell: Callable[[int], object] = lambda count: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `length` ids uint16 [N, length] and their kinds uint8 [N] as index into KINDS.

    Documents follow each other, end-of-text after each, so that a row may hold the end of one and the beginning
    of the next; its kind is that of most of its tokens. What is left at the end is dropped. `tell` is given the
    number of documents encoded.
    """
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.encode_special_tokens = True  # a document may well speak of <|endoftext|>
    ids: list[np.ndarray] = []
    kinds: list[np.ndarray] = []
    for start in range(0, len(documents), _AT_ONCE):
        batch = documents[start : start + _AT_ONCE]
        encoded = backend.encode_batch_fast([document.text for document in batch], add_special_tokens=False)
        for document, found in zip(batch, encoded, strict=True):
            ids.append(np.array([*found.ids, END_ID], dtype=np.uint16))
            kinds.append(np.full(len(ids[-1]), KINDS.index(document.kind), dtype=np.uint8))
        tell(len(batch))
    count = sum(map(len, ids)) // length
    rows = np.concatenate(ids)[: count * length].reshape(count, length)
    of_tokens = np.concatenate(kinds)[: count * length].reshape(count, length)
    shares = np.stack([(of_tokens == kind).sum(1) for kind in range(len(KINDS))])
    return rows, shares.argmax(0).astype(np.uint8)


def row_order(count: int, held_out: int, seed: int) -> np.ndarray:
    """The order of packed rows: the last `held_out`, which are other documents, stay at the end; the others are
    shuffled, since neighbours are often of one document and a step should see many."""
    order = np.arange(count)
    np.random.default_rng(seed).shuffle(order[: count - held_out])
    return order
