"""Checkpoints one after the other, each downloaded while the one before is worked on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from pathlib import Path

from mda.checkpoints.hub import NoWeights
from mda.checkpoints.source import CheckpointSource
from mda.progress import Cancelled

LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 5.0  # with a download that was told to end


def in_turn(
    source: CheckpointSource, steps: Sequence[int], came: Callable[[int], None] = lambda bytes_: None
) -> Iterator[tuple[int, Path | NoWeights]]:
    """Every step with its folder, or with the `NoWeights` that says why it has none, in the order of `steps`.

    One thread is a checkpoint ahead. `came(bytes)` is called in the caller's thread twice a second while the
    caller waits, and before every step, with what has arrived since; what it raises ends all. Any other error of a
    download is raised at its own step. Closing the iterator ends a download, which the next one resumes.
    """
    arrived, counting, closed = 0, threading.Lock(), threading.Event()

    def count(bytes_: int) -> None:
        nonlocal arrived
        if closed.is_set():
            raise Cancelled("nobody waits for the next checkpoint")
        with counting:
            arrived += bytes_

    def tell() -> None:
        nonlocal arrived
        with counting:
            bytes_, arrived = arrived, 0
        came(bytes_)

    def begin(step: int) -> Future[Path | NoWeights]:
        future: Future[Path | NoWeights] = Future()

        def bring() -> None:
            try:
                future.set_result(source.folder(step, count))
            except NoWeights as reason:
                future.set_result(reason)
            except BaseException as error:
                future.set_exception(error)

        # a daemon: one that waits for a hub in trouble must not keep the program from ending
        threading.Thread(target=bring, name=f"step {step} on its way", daemon=True).start()
        return future

    coming: Future[Path | NoWeights] | None = None
    try:
        for number, step in enumerate(steps):
            coming = coming or begin(step)
            while wait([coming], timeout=LOOK_SECONDS).not_done:
                tell()
            tell()
            found, coming = coming.result(), None
            if number + 1 < len(steps):
                coming = begin(steps[number + 1])
            yield step, found
    finally:
        closed.set()
        if coming is not None:
            wait([coming], timeout=PATIENCE_SECONDS)
