"""Tables of rows or of text, Parquet or JSONL, read a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute

from mda.errors import UserError

if TYPE_CHECKING:
    from datasets import IterableDataset

READERS = {".parquet": "parquet", ".jsonl": "json"}

_BATCH = 4096  # entries read at once


class TableFiles:
    """One or several files of the same format, read as one table; `source` names them in errors.

    Raises UserError for files that are empty or broken, when it is made or while they are read.
    """

    def __init__(self, files: Sequence[Path], source: Path) -> None:
        self.source, self._format = source, files[0].suffix
        if not any(file.stat().st_size for file in files):
            raise UserError(f"{source} is empty; give a file with rows.")
        import datasets  # takes a second, and rows are read once

        datasets.disable_progress_bars()
        datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # what it has to say is in its errors too
        with self._readable():
            self._stream: IterableDataset = datasets.load_dataset(
                READERS[self._format], data_files=[str(file) for file in files], split="train", streaming=True
            )
            # where the library could not tell, the first entry does, or says why it cannot be read
            self.columns: list[str] = list(self._stream.column_names or next(iter(self._stream)))

    def texts(self, column: str) -> Iterator[str]:
        """The texts of a column, those that are null left out."""
        with self._readable():
            for entry in self._stream:
                if isinstance(entry[column], str):
                    yield entry[column]
                elif entry[column] is not None:
                    kind = type(entry[column]).__name__
                    raise UserError(f"The column '{column}' of {self.source} holds {kind} and not text.")

    def ids(self, column: str) -> tuple[np.ndarray, list[str] | None]:
        """A column of equally long lists of ids as an array [N, T + 1], and the column `kind` if there is one."""
        tokens, kinds = [], []
        with self._readable():
            for batch in self._stream.with_format("arrow").iter(_BATCH):
                tokens.append(self._stacked(batch[column], column))
                if "kind" in self.columns:
                    kinds += [str(kind) for kind in batch["kind"].to_pylist()]
        if len({part.shape[1] for part in tokens}) != 1:
            raise self._ragged()
        return np.concatenate(tokens), kinds if "kind" in self.columns else None

    def _stacked(self, column: pa.ChunkedArray, name: str) -> np.ndarray:
        """Without a Python object for every id."""
        kind = column.type
        lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        if not lists or not (pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)):
            raise UserError(
                f"The column '{name}' of {self.source} holds {kind} and not lists of integers; rows are token ids."
            )
        lengths = set(pa.compute.list_value_length(column).unique().to_pylist())
        flat = pa.concat_arrays([chunk.flatten() for chunk in column.chunks]) if column.num_chunks else None
        if flat is None or len(lengths) != 1 or flat.null_count:
            raise self._ragged()
        return flat.to_numpy(zero_copy_only=False).reshape(len(column), -1)

    def _ragged(self) -> UserError:
        return UserError(
            f"The rows of {self.source} have different lengths, or none; every row needs the same T + 1 token ids."
        )

    @contextmanager
    def _readable(self) -> Iterator[None]:
        from datasets.exceptions import DatasetsError

        try:
            yield
        except StopIteration:  # the library's way to say that there is no entry
            raise UserError(f"{self.source} is empty; give a file with rows.") from None
        except (DatasetsError, pa.ArrowException, ValueError, OSError, TypeError) as error:
            cause = (str(error.__cause__ or error).splitlines() or [type(error).__name__])[0][:160]
            raise UserError(f"{self.source} cannot be read as {self._format[1:]} ({cause}).") from None
