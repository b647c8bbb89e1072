"""Rows from files: `.npy` of token ids, Parquet or JSONL of token ids or of text.

Token ids come one row an entry (column `input_ids` or `tokens`), all of the same length T + 1, and keep their
order: row r was seen at step r // batch_size. Text (column `text`) is tokenised and packed, end-of-text between
documents. An optional column `kind` labels rows of token ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute
from datasets import disable_progress_bars, load_dataset
from datasets.exceptions import DatasetsError
from transformers import PreTrainedTokenizerFast

from mda.errors import UserError

ID_COLUMNS = ("input_ids", "tokens")
TEXT_COLUMN = "text"
READERS = {".parquet": "parquet", ".jsonl": "json"}


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
            kinds = [str(kind) for kind in table["kind"].to_pylist()] if "kind" in table.column_names else None
            return RowFile(_checked(_stacked(table[column], column, path), vocab_size, path), kinds)
    if TEXT_COLUMN not in table.column_names:
        raise UserError(
            f"{path} has no column '{ID_COLUMNS[0]}', '{ID_COLUMNS[1]}' or '{TEXT_COLUMN}'; it has "
            f"{', '.join(table.column_names) or 'none'}."
        )
    if tokenizer is None:
        raise UserError(f"{path} holds text; say which tokenizer reads it with --tokenizer PATH.")
    return RowFile(_checked(_packed(table[TEXT_COLUMN], tokenizer, row_length, path), vocab_size, path))


def _read_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        # what NumPy says of an object array names a way to load it that would run code
        cause = "it is pickled or no array" if "pickle" in str(error) else str(error).splitlines()[0]
        raise UserError(f"{path} is not an array of token ids ({cause}); save it with numpy.save.") from None


def _read_table(path: Path) -> pa.Table:
    """The file as one Arrow table. The library's own copy goes to a temporary folder and is dropped at once, so
    that nobody's data is left in a cache in the home folder."""
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty; give a file with rows.")
    disable_progress_bars()
    try:
        with TemporaryDirectory() as cache:
            found = load_dataset(
                READERS[path.suffix], data_files=str(path), split="train", cache_dir=cache, keep_in_memory=True
            )
            return found.data.table
    except (DatasetsError, pa.ArrowException, ValueError, OSError) as error:
        cause = (str(error.__cause__ or error).splitlines() or [type(error).__name__])[0][:160]
        raise UserError(f"{path} cannot be read as {path.suffix[1:]} ({cause}).") from None


def _stacked(column: pa.ChunkedArray, name: str, path: Path) -> np.ndarray:
    """A column of equally long lists as one array, without a Python object for every id."""
    kind = column.type
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not lists or not (pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)):
        raise UserError(
            f"The column '{name}' of {path} holds {kind} and not lists of integers; rows are token ids."
        )
    lengths = set(pa.compute.list_value_length(column).unique().to_pylist())
    flat = pa.concat_arrays([chunk.flatten() for chunk in column.chunks]) if column.num_chunks else None
    if flat is None or len(lengths) != 1 or flat.null_count:
        raise UserError(
            f"The rows of {path} have different lengths, or none; every row needs the same T + 1 token ids."
        )
    return flat.to_numpy(zero_copy_only=False).reshape(len(column), -1)


def _packed(column: pa.ChunkedArray, tokenizer: PreTrainedTokenizerFast, length: int, path: Path) -> np.ndarray:
    end = tokenizer.eos_token_id
    if end is None:
        raise UserError("The tokenizer has no end-of-text token to put between documents; add an eos_token.")

    def stream() -> Iterator[int]:
        for text in column:
            if text.is_valid:
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
