"""Rows from files: `.npy` of token ids, Parquet or JSONL of token ids or of text.

Token ids come one row an entry (column `input_ids` or `tokens`), all of the same length T + 1, and keep their
order: row r was seen at step r // batch_size. Text (column `text`) is tokenised and packed, end-of-text between
documents. An optional column `kind` labels rows of token ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from datasets import Dataset, load_dataset
from datasets.exceptions import DatasetGenerationError
from transformers import PreTrainedTokenizerFast

from mda.errors import UserError

ID_COLUMNS = ("input_ids", "tokens")
TEXT_COLUMN = "text"
READERS = {".parquet": "parquet", ".jsonl": "json", ".json": "json"}


@dataclass(frozen=True)
class RowFile:
    """Rows of token ids [N, T + 1] and, where the file says so, each row's kind."""

    tokens: np.ndarray
    kinds: list[str] | None = None


def read_rows(path: Path, vocab_size: int, row_length: int, tokenizer: PreTrainedTokenizerFast | None) -> RowFile:
    """Read and check rows for a model of `vocab_size`; text is packed into rows of `row_length` ids.

    Raises UserError for whatever is not rows: another format, ragged or fractional ids, ids outside the
    vocabulary, text without a tokenizer.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}; give the training rows as .npy, .parquet or .jsonl.")
    if path.suffix == ".npy":
        return RowFile(_checked(_read_npy(path), vocab_size, path))
    if path.suffix not in READERS:
        raise UserError(
            f"{path} is not a file of rows: use .npy ([N, T + 1] token ids), .parquet or .jsonl (a column "
            f"'{ID_COLUMNS[0]}' of token ids, or '{TEXT_COLUMN}')."
        )
    table = _read_table(path)
    for column in ID_COLUMNS:
        if column in table.column_names:
            kinds = [str(kind) for kind in table["kind"]] if "kind" in table.column_names else None
            return RowFile(_checked(_stacked(table, column, path), vocab_size, path), kinds)
    if TEXT_COLUMN not in table.column_names:
        raise UserError(
            f"{path} has no column '{ID_COLUMNS[0]}', '{ID_COLUMNS[1]}' or '{TEXT_COLUMN}'; it has "
            f"{', '.join(table.column_names)}."
        )
    if tokenizer is None:
        raise UserError(f"{path} holds text; say which tokenizer reads it with --tokenizer PATH.")
    return RowFile(_checked(_packed(table, tokenizer, row_length, path), vocab_size, path))


def _read_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(
            f"{path} is not an array of token ids ({str(error).splitlines()[0]}); save it with numpy.save."
        ) from None


def _read_table(path: Path) -> Dataset:
    try:
        return load_dataset(READERS[path.suffix], data_files=str(path), split="train")
    except (DatasetGenerationError, ValueError, OSError) as error:
        cause = str(error.__cause__ or error).splitlines()[0][:160]
        raise UserError(f"{path} cannot be read as {path.suffix[1:]} ({cause}).") from None


def _stacked(table: Dataset, column: str, path: Path) -> np.ndarray:
    lengths = {len(row) for row in table[column] if hasattr(row, "__len__")}
    if len(lengths) != 1:
        raise UserError(f"The rows of {path} have different lengths; every row needs the same T + 1 token ids.")
    return np.array(table[column])


def _packed(table: Dataset, tokenizer: PreTrainedTokenizerFast, length: int, path: Path) -> np.ndarray:
    end = tokenizer.eos_token_id
    if end is None:
        raise UserError("The tokenizer has no end-of-text token to put between documents; add an eos_token.")

    def stream() -> Iterator[int]:
        for text in table[TEXT_COLUMN]:
            yield from tokenizer.encode(str(text), add_special_tokens=False)
            yield end

    ids = np.fromiter(stream(), dtype=np.int64)
    rows = len(ids) // length
    if rows == 0:
        raise UserError(f"{path} holds {len(ids)} tokens of text, fewer than one row of {length}; give more text.")
    return ids[: rows * length].reshape(rows, length)


def _checked(tokens: np.ndarray, vocab_size: int, path: Path) -> np.ndarray:
    """The ids in the smallest unsigned type. Raises UserError where they cannot be rows of this model."""
    if tokens.ndim != 2 or tokens.shape[0] == 0 or tokens.shape[1] < 9:
        raise UserError(f"{path} holds an array of shape {tokens.shape}; rows are [N, T + 1] with T >= 8.")
    if not np.issubdtype(tokens.dtype, np.integer):
        raise UserError(f"{path} holds {tokens.dtype} and not integers; rows are token ids.")
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= vocab_size:
        raise UserError(
            f"{path} holds token id {low if low < 0 else high}, outside the model's vocabulary of {vocab_size}; "
            "the rows belong to another tokenizer."
        )
    return tokens.astype(np.uint16 if vocab_size <= 2**16 else np.uint32)
