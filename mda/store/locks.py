"""Waiting for a lock without being deaf meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mda.store.atomic import disk_errors

LOOK_SECONDS = 0.5


@contextmanager
def held(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock at `path`; `waiting` is called now and then while another process does, and what it raises
    ends the wait. Raises UserError where the lock's file cannot be made."""
    lock = FileLock(path)
    while True:
        try:
            with disk_errors():
                lock.acquire(timeout=LOOK_SECONDS)
            break
        except Timeout:
            waiting()
    try:
        yield
    finally:
        lock.release()
