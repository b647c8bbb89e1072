"""Rows from files: `.npy` of token ids; Parquet or JSONL of token ids or of text; text files, one or a folder.

Token ids come one row an entry (column `input_ids` or `tokens`), all of the same length T + 1, and keep their
order: row r was seen at step r // batch_size. An optional column `kind` labels them. Text (column `text`, or files
each of which is a document) is tokenised and packed, end-of-text between documents; nothing says in which order a
model saw it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mda.corpora.packing import packed
from mda.corpora.tables import READERS, TableFiles
from mda.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

ID_COLUMNS = ("input_ids", "tokens")
TEXT_COLUMN = "text"
TEXT_FILES = (
    *(".txt", ".md", ".rst", ".tex", ".html", ".htm", ".xml", ".csv", ".tsv", ".json", ".yaml", ".yml", ".log"),
    *(".py", ".c", ".h", ".cpp", ".hpp", ".cc", ".java", ".js", ".ts", ".go", ".rs", ".rb", ".php", ".sh", ".sql"),
)


@dataclass(frozen=True)
class RowFile:
    """Rows of token ids [N, T + 1] and, where the file says so, each row's kind.

    `in_order`: row r entered the update of step r // batch_size. False for text that was packed here.
    """

    tokens: np.ndarray
    kinds: list[str] | None = None
    in_order: bool = True


def read_rows(
    path: Path,
    vocab_size: int,
    row_length: int,
    tokenizer: PreTrainedTokenizerFast | None,
    column: str | None = None,
) -> RowFile:
    """Read and check rows for a model of `vocab_size`; text is packed into rows of `row_length` ids.

    `column` names the text of a table; without it a table has ids, or text in a column `text`. A folder holds
    Parquet files, or JSONL files, or else text files. Raises UserError for whatever is not rows: another format,
    ragged or fractional ids, ids outside the vocabulary, text without a tokenizer.
    """
    if path.suffix == ".npy" and path.is_file():
        return RowFile(checked(_read_npy(path), vocab_size, str(path)))
    files = _files(path)
    if files[0].suffix not in READERS:
        return _from_text(_documents(files), path, vocab_size, row_length, tokenizer)
    table = TableFiles(files, path)
    holding_ids = [name for name in ID_COLUMNS if name in table.columns]
    if column is None and holding_ids:
        tokens, kinds = table.ids(holding_ids[0])
        return RowFile(checked(tokens, vocab_size, str(path)), kinds)
    if (column or TEXT_COLUMN) not in table.columns:
        wanted = f"'{column}'" if column else f"'{ID_COLUMNS[0]}', '{ID_COLUMNS[1]}' or '{TEXT_COLUMN}'"
        raise UserError(f"{path} has no column {wanted}; it has {', '.join(table.columns) or 'none'}.")
    return _from_text(table.texts(column or TEXT_COLUMN), path, vocab_size, row_length, tokenizer)


def checked(tokens: np.ndarray, vocab_size: int, source: str) -> np.ndarray:
    """The ids in the smallest unsigned type. Raises UserError where they cannot be rows of this model."""
    if tokens.ndim != 2 or tokens.shape[0] == 0 or tokens.shape[1] < 9:
        raise UserError(f"{source} holds an array of shape {tokens.shape}; rows are [N, T + 1] with T >= 8.")
    if not np.issubdtype(tokens.dtype, np.integer):
        raise UserError(f"{source} holds {tokens.dtype} and not integers; rows are token ids.")
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= vocab_size:
        raise UserError(
            f"{source} holds token id {low if low < 0 else high}, outside the model's vocabulary of {vocab_size}; "
            "the rows belong to another tokenizer."
        )
    return tokens.astype(np.uint16 if vocab_size <= 2**16 else np.uint32, copy=False)


def _files(path: Path) -> list[Path]:
    """The file, or the files of a folder that are read together, in the order of their names."""
    if path.is_file():
        if path.suffix not in (*READERS, *TEXT_FILES):
            raise UserError(
                f"{path} is not a file of rows: use .npy ([N, T + 1] token ids), .parquet or .jsonl (a column "
                f"'{ID_COLUMNS[0]}' of token ids, or '{TEXT_COLUMN}'), or text as .txt."
            )
        return [path]
    if not path.is_dir():
        raise UserError(
            f"There is no file or folder {path}; give the training rows as .npy, .parquet or .jsonl, or a folder "
            "of text files."
        )
    inside = [file for file in sorted(path.rglob("*")) if file.is_file() and not _hidden(file.relative_to(path))]
    by_ending = {ending: [file for file in inside if file.suffix == ending] for ending in READERS}
    if all(by_ending.values()):
        raise UserError(f"{path} holds both .parquet and .jsonl files; give a folder with one of the two.")
    # a folder of tables may have a README beside them
    found = next((files for files in by_ending.values() if files), None)
    found = found or [file for file in inside if file.suffix in TEXT_FILES]
    if not found:
        raise UserError(f"{path} holds no file to read: neither .parquet nor .jsonl nor text as {_endings()}.")
    return found


def _endings() -> str:
    return f"{', '.join(TEXT_FILES[:-1])} or {TEXT_FILES[-1]}"


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _from_text(
    texts: Iterator[str],
    path: Path,
    vocab_size: int,
    row_length: int,
    tokenizer: PreTrainedTokenizerFast | None,
) -> RowFile:
    if tokenizer is None:
        raise UserError(f"{path} holds text; say which tokenizer reads it with --tokenizer PATH.")
    rows = packed(texts, tokenizer, row_length, str(path))
    return RowFile(checked(rows, vocab_size, str(path)), in_order=False)


def _documents(files: Sequence[Path]) -> Iterator[str]:
    for file in files:
        try:
            yield file.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{file} is not text in UTF-8 (at byte {error.start}); convert it, or move it elsewhere."
            ) from None
        except OSError as error:
            raise UserError(f"{file} cannot be read ({error.strerror}); change its permissions.") from None


def _read_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="c", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        # what NumPy says of an object array names a way to load it that would run code
        cause = "it is pickled or no array" if "pickle" in str(error) else str(error).splitlines()[0]
        raise UserError(f"{path} is not an array of token ids ({cause}); save it with numpy.save.") from None
