"""Tables in Parquet, and growing lists of records as JSON lines."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mda.errors import UserError
from mda.store.atomic import disk_errors, replacing, to_bytes

# pandas is imported where it is used: listing jobs reads JSON lines and should not wait for it
if TYPE_CHECKING:
    import pandas as pd


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a table in one go: `path` holds the old table or the whole new one, never a piece."""
    with replacing(path) as temporary:
        frame.to_parquet(temporary, engine="pyarrow")


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table (or some of its columns); raises `UserError` where it is missing or broken."""
    import pandas as pd
    import pyarrow as pa

    if not path.is_file():
        raise UserError(f"there is no table {path}; run the command that makes it")
    try:
        return pd.read_parquet(path, engine="pyarrow", columns=None if columns is None else list(columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"the table {path} cannot be read ({cause}); delete the folder that holds it "
            "and run the command that makes it again"
        ) from error


def append_jsonl(path: Path, record: Mapping[str, Any]) -> None:
    """Add one record as a line. One writer a file; readers may follow it meanwhile.

    A line that a killed writer left unfinished is cut off first. NaN and infinity are stored as null.
    """
    line = to_bytes(record) + b"\n"
    with disk_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            end = _whole_lines(handle)
            os.ftruncate(handle, end)
            os.lseek(handle, end, os.SEEK_SET)
            written = 0
            while written < len(line):
                written += os.write(handle, line[written:])
        finally:
            os.close(handle)


def _whole_lines(handle: int) -> int:
    """Length in bytes of the part of a file that ends with a line's end."""
    end = os.lseek(handle, 0, os.SEEK_END)
    while end > 0:
        begin = max(0, end - 4096)
        newline = os.pread(handle, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0


def read_jsonl(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Read the whole lines from byte `offset` on, and the offset to go on from next time.

    A last line without its end is left for the next time; a missing file holds no records; a file that
    became shorter than `offset` was begun anew and is read from its start.
    Raises `UserError` where a whole line is not a JSON object.
    """
    try:
        with open(path, "rb") as file:
            if offset > os.fstat(file.fileno()).st_size:
                offset = 0
            file.seek(offset)
            content = file.read()
    except FileNotFoundError:
        return [], 0
    whole = content[: content.rfind(b"\n") + 1]
    try:
        records = [json.loads(line) for line in whole.splitlines() if line.strip()]
    except ValueError as error:
        raise UserError(f"{path} holds a broken line ({error}); delete that line or the file") from error
    if not all(isinstance(record, dict) for record in records):
        raise UserError(f"{path} holds a line that is not a record; delete that line or the file")
    return records, offset + len(whole)
