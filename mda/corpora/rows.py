"""What every source of a study's rows has in common: it is indexed as an array, wherever it lies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np


class RowSource(Protocol):
    """Token ids [N, T + 1] of an unsigned integer type. A row, a slice or an array of row numbers gives an array.

    A NumPy array (mapped from disk) is one; so is a reader that fetches what is asked for.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> np.ndarray: ...


@runtime_checkable
class RemoteRows(Protocol):
    """Rows that lie elsewhere and are fetched when they are asked for, then kept.

    `here(rows)` [n] bool: which of the rows are on this machine. `held()`: numbers of all rows that are,
    ascending. `fetch(rows, advance)` brings what is absent in few requests; `advance` is told rows as they
    come. Raises UserError where they cannot be had.
    """

    def here(self, rows: np.ndarray) -> np.ndarray: ...

    def held(self) -> np.ndarray: ...

    def fetch(self, rows: np.ndarray, advance: Callable[[int], None] = lambda rows: None) -> None: ...
