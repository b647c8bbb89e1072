"""Reads the next piece while the last one is worked on, because rows may have to come over a network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from itertools import pairwise
from typing import TypeVar

Piece = TypeVar("Piece")
Read = TypeVar("Read")

LOOK_SECONDS = 0.5


def read_ahead(
    pieces: Sequence[Piece], read: Callable[[Piece], Read], waiting: Callable[[], None] = lambda: None
) -> Iterator[tuple[Piece, Read]]:
    """Every piece with what `read` makes of it, in order; one thread is one piece ahead.

    `waiting` is called twice a second while the caller has to wait, and what it raises ends all. An error of
    `read` is raised at its own piece, so that those before it can be finished.
    """

    def begin(piece: Piece) -> Future[Read]:
        future: Future[Read] = Future()

        def bring() -> None:
            try:
                future.set_result(read(piece))
            except BaseException as error:
                future.set_exception(error)

        # a daemon: one that waits for a network in trouble must not keep the program from ending
        threading.Thread(target=bring, name="reads rows ahead", daemon=True).start()
        return future

    if not pieces:
        return
    coming = begin(pieces[0])
    for piece, following in pairwise([*pieces, None]):
        while wait([coming], timeout=LOOK_SECONDS).not_done:
            waiting()
        found = coming.result()
        if following is not None:
            coming = begin(following)
        assert piece is not None
        yield piece, found
