"""Models of checkpoints in the server's memory: few at a time, and used by one session at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

from mda.studies.study import Study

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

HELD = 2  # models kept: one for each of two panes

_lock = RLock()
_held: OrderedDict[tuple[str, str, int], GPTNeoXForCausalLM] = OrderedDict()  # by study and step, last used last


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """For what loads checkpoints by itself: no other session loads or uses a model meanwhile."""
    with _lock:
        yield


@contextmanager
def model(study: Study, step: int) -> Iterator[GPTNeoXForCausalLM]:
    """The model at a step, for this block alone: hooks and settings of one session never meet another's.

    At most `HELD` models stay in memory, so that going through all checkpoints costs no more than two. Raises
    UserError where there is no such checkpoint, or its weights changed since the study was added.
    """
    key = (study.manifest.identity, str(study.folder), study.check_step(step))
    with _lock:
        if key not in _held:
            study.weights_digest(step)  # refuses weights that changed
            while len(_held) >= HELD:  # before loading, or there would be one more for a while
                _held.popitem(last=False)
            _held[key] = study.load(step)
        _held.move_to_end(key)
        yield _held[key]
