"""Models of checkpoints in the server's memory: few at a time, and used by one session at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any

from mda.device import best_device
from mda.errors import UserError
from mda.studies.study import Study

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

HELD = 2  # models kept: one for each of two panes
HELD_BYTES = 2e9  # of all their weights together, unless one alone is larger

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

    At most `HELD` models stay in memory and only one of a large study, so that going through all checkpoints costs
    no more. Raises UserError where there is no such checkpoint, or its weights changed since the study was added.
    """
    key = (study.manifest.identity, str(study.folder), study.check_step(step))
    with _lock:
        if key not in _held:
            if not study.source.here(step):  # pages offer to bring it; a page run is no place to wait for it
                raise UserError(
                    f"The checkpoint at step {step} is not on this machine; `mda study download {study.name} "
                    f"--steps {step}` brings it."
                )
            study.weights_digest(step)  # refuses weights that changed
            room = HELD_BYTES - _weights_bytes(study)
            while len(_held) >= HELD or (_held and sum(map(_bytes, _held.values())) > room):
                _held.popitem(last=False)  # before loading, or there would be one more for a while
            loaded: Any = study.load(step)
            _held[key] = loaded.to(best_device())
        _held.move_to_end(key)
        yield _held[key]


def _weights_bytes(study: Study) -> int:
    """About what a checkpoint of the study takes in fp32: its matrices, the MLP being four times as wide as d."""
    sizes = study.sizes
    return 4 * sizes.d_model * (12 * sizes.layers * sizes.d_model + 2 * study.facts.vocab_size)


def _bytes(model: GPTNeoXForCausalLM) -> int:
    return sum(parameter.nbytes for parameter in model.parameters())
