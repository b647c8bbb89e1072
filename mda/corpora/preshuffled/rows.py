"""Pythia's preshuffled rows as one array: what is asked for is fetched by byte ranges, checked and kept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cached_property
from itertools import islice
from typing import Any, NoReturn

import numpy as np

from mda.corpora.preshuffled.index import Layout, find_layout
from mda.corpora.preshuffled.kept import data_folder, kept_rows
from mda.corpora.preshuffled.ranges import row_runs, shard_ranges
from mda.errors import UserError
from mda.hub.client import Changed, HubError
from mda.hub.download import MARGIN_BYTES
from mda.hub.preshuffled import ID_BYTES
from mda.hub.ranges import read_range
from mda.store.paths import refuse_if_read_only

REQUEST_BYTES = 8 * 2**20  # fetched by one request at most
GAP_BYTES = 2**15  # between two rows are read over, which takes less time than another request
REQUESTS_AT_ONCE = 4
KEEP_EVERY_S = 1.0  # what came is written to the disk at least so often


class PreshuffledRows:
    """Token ids uint16 [N, T + 1] of a data set on the hub, indexed as an array.

    A row, a slice or an array of row numbers gives an array; rows that are not on this machine are fetched first
    and then kept for all studies, at most a few requests' bytes being in memory. `vocab_size`, where given,
    refuses rows with ids that the model does not have, which is how damage on the way shows. Raises IndexError
    for rows outside, UserError where rows cannot be had.
    """

    dtype = np.dtype(np.uint16)

    def __init__(self, repo: str, commit: str, rows: int, row_length: int, vocab_size: int | None = None) -> None:
        self.repo, self.commit = repo, commit
        self.shape = (rows, row_length)
        self.vocab_size = vocab_size
        self._kept = kept_rows(data_folder(repo, commit), row_length)

    @staticmethod
    def describe(repo: str, commit: str) -> tuple[int, int]:
        """Rows of a data set and ids a row, from its index. Raises UserError where it is not such a data set."""
        layout = find_layout(repo, commit)
        return layout.rows, layout.row_length

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, slice):
            return self._read(np.arange(*rows.indices(len(self))))
        numbers = self._numbers(rows)
        return self._read(numbers.ravel()).reshape(*numbers.shape, self.shape[1])

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        # NumPy would otherwise fetch row after row until it has them all
        raise TypeError(f"{self.repo} has {len(self):,} rows elsewhere: take the rows that are needed")

    def here(self, rows: np.ndarray) -> np.ndarray:
        """Which of the rows [n] are on this machine: bool [n]."""
        return self._kept.here(self._numbers(rows))

    def held(self) -> np.ndarray:
        """Numbers of all rows that are on this machine, ascending."""
        held = self._kept.held()
        return held[held < len(self)]

    def fetch(self, rows: np.ndarray, advance: Callable[[int], None] = lambda rows: None) -> None:
        """Bring those of the rows [n] that are absent; `advance` is told rows as they come and are kept.

        What came before a failure, or before `advance` raised, is kept. Raises UserError naming the rows that
        lack.
        """
        absent = np.unique(self._numbers(rows).ravel())
        absent = absent[~self._kept.here(absent)]
        if not len(absent):
            return
        try:
            refuse_if_read_only()
            self._check_room(len(absent))
            self._bring(absent, advance)
        except UserError as error:
            lacking = absent[~self._kept.here(absent)]
            kind = type(error) if isinstance(error, HubError) else UserError
            told = f"{_named(lacking)} of {self.repo} {'is' if len(lacking) == 1 else 'are'} not on this machine"
            raise kind(f"{told} and cannot be fetched: {error}") from error

    def _read(self, rows: np.ndarray) -> np.ndarray:
        tokens, whole = self._kept.read(rows)
        if not whole.all():
            self.fetch(rows[~whole])
            tokens[~whole], whole[~whole] = self._kept.read(rows[~whole])
        if not whole.all():
            raise UserError(
                f"{_named(rows[~whole])} of {self.repo} cannot be read back from {self._kept.folder}: check that "
                "disk, or delete that folder."
            )
        return tokens

    def _numbers(self, rows: Any) -> np.ndarray:
        """Row numbers as NumPy takes them, negative ones counted from the end."""
        numbers = np.asarray(rows)
        if numbers.size == 0:
            return numbers.astype(np.int64)
        if not np.issubdtype(numbers.dtype, np.integer):
            raise IndexError(f"rows are taken by their numbers, and {numbers.dtype} are none")
        outside = (numbers < -len(self)) | (numbers >= len(self))
        if outside.any():
            raise IndexError(f"row {numbers[outside].flat[0]} is not one of {len(self)} rows")
        return np.where(numbers < 0, numbers.astype(np.int64) + len(self), numbers)

    @cached_property
    def _layout(self) -> Layout:
        layout = find_layout(self.repo, self.commit)
        if (layout.rows, layout.row_length) != self.shape:
            raise UserError(
                f"{self.repo} has {layout.rows:,} rows of {layout.row_length} ids and not {self.shape[0]:,} of "
                f"{self.shape[1]} as when the study was added; add the study again."
            )
        return layout

    def _check_room(self, rows: int) -> None:
        folder = next(path for path in (self._kept.folder, *self._kept.folder.parents) if path.exists())
        needed, free = rows * self.shape[1] * ID_BYTES, shutil.disk_usage(folder).free
        if needed + MARGIN_BYTES > free:
            raise UserError(
                f"the disk of {folder} has {free / 1e9:.2f} GB free, and they need {needed / 1e9:.2f} GB besides "
                f"the {MARGIN_BYTES / 1e9:.1f} GB that are left alone; free space first."
            )

    def _bring(self, absent: np.ndarray, advance: Callable[[int], None]) -> None:
        row_bytes = self._layout.row_bytes
        runs = row_runs(absent, GAP_BYTES // row_bytes, max(1, REQUEST_BYTES // row_bytes))
        waiting: list[tuple[np.ndarray, np.ndarray]] = []
        written = time.monotonic()
        try:
            for (first, stop), content in self._arrivals(runs):
                numbers = absent[slice(*np.searchsorted(absent, (first, stop)))]
                tokens = np.frombuffer(content, dtype="<u2").reshape(stop - first, -1)[numbers - first]
                self._check_ids(numbers, tokens)
                waiting.append((numbers, tokens))
                size = sum(len(rows) for rows, _ in waiting)
                if size * row_bytes >= REQUEST_BYTES or time.monotonic() > written + KEEP_EVERY_S:
                    self._keep(waiting)
                    written = time.monotonic()
                    advance(size)
        finally:
            left = self._keep(waiting)
        advance(left)

    def _arrivals(self, runs: Iterable[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], bytes]]:
        """Ranges of rows and their bytes, a few requests at once, in the order in which they come.

        After a failure the requests that are under way are waited for, and then it is raised.
        """
        todo = iter(runs)
        failure: BaseException | None = None
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            under_way: dict[Future[bytes], tuple[int, int]] = {}

            def begin(count: int) -> None:
                under_way.update((pool.submit(self._request, *run), run) for run in islice(todo, count))

            begin(REQUESTS_AT_ONCE)
            while under_way:
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    run = under_way.pop(future)
                    if future.exception() is not None:
                        failure = failure or future.exception()
                        continue
                    if failure is None:
                        begin(1)
                    yield run, future.result()
        if failure is not None:
            raise failure

    def _request(self, first: int, stop: int) -> bytes:
        """The bytes of the rows [first, stop), from one shard or from several."""
        return b"".join(
            read_range(self.repo, "dataset", self.commit, name, begin, end)
            for name, begin, end in shard_ranges(self._layout, first, stop)
        )

    def _check_ids(self, rows: np.ndarray, tokens: np.ndarray) -> None:
        if self.vocab_size is None or tokens.max() < self.vocab_size:
            return
        wrong = int(np.argmax(tokens.max(axis=1)))
        raise Changed(
            f"row {rows[wrong]} came with token id {tokens[wrong].max()}, and the model has {self.vocab_size}: it "
            "was damaged on its way, or belongs to another tokenizer; try again."
        )

    def _keep(self, waiting: list[tuple[np.ndarray, np.ndarray]]) -> int:
        """Write what waits to the disk; returns how many rows it was."""
        if not waiting:
            return 0
        rows, tokens = (np.concatenate(parts) for parts in zip(*waiting, strict=True))
        waiting.clear()
        self._kept.add(rows, tokens)
        return len(rows)


def _named(rows: np.ndarray) -> str:
    """`Row 5`, `Rows 5, 6 and 7`, `Rows 5, 6, 7 and 1,021 others`."""
    few = [str(row) for row in rows[:3]]
    if len(rows) > len(few):
        return f"Rows {', '.join(few)} and {len(rows) - len(few):,} others"
    if len(few) == 1:
        return f"Row {few[0]}"
    return f"Rows {', '.join(few[:-1])} and {few[-1]}"
