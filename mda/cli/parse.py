"""Reads rows as they are typed."""

from __future__ import annotations

from pathlib import Path

from mda.errors import UserError

MOST_ROWS = 10_000_000  # in one range of named rows, which are kept one by one


def parse_range(text: str) -> tuple[int, int]:
    """`A:B` as two integers. Raises UserError otherwise."""
    try:
        start, stop = text.split(":")
        return int(start), int(stop)
    except ValueError:
        raise UserError(f"'{text}' is not a range of rows; write A:B, for example 0:4096.") from None


def parse_rows(text: str) -> tuple[int, ...]:
    """`12,40,100:120` or `@FILE` with one such entry a line. Raises UserError otherwise."""
    if text.startswith("@"):
        try:
            text = ",".join(Path(text[1:]).read_text().split())
        except (OSError, UnicodeDecodeError):
            raise UserError(f"{text[1:]} is not a text file of row numbers, one a line.") from None
    rows: list[int] = []
    for part in filter(None, text.split(",")):
        if ":" in part:
            start, stop = parse_range(part)
            if not 0 < stop - start <= MOST_ROWS:
                raise UserError(f"'{part}' holds {max(0, stop - start)} rows; name 1 to {MOST_ROWS:,}.")
            rows.extend(range(start, stop))
        elif part.strip().isdecimal():
            rows.append(int(part))
        else:
            raise UserError(f"'{part}' is not a row number; write 12,40,100:120.")
    return tuple(rows)
