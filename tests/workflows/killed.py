"""`mda` with small constants, in a process that kills itself: `killed.py N ARGUMENTS…`.

SIGKILL comes at the Nth piece of work (0: never). `killed.py 0 job ID` runs a background job instead.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from building import tiny_model_config

import mda.workflows.attribute
import mda.workflows.demo
from mda.cli.main import run
from mda.jobs.__main__ import main as run_job
from mda.progress import Progress
from mda.training.recipe import Recipe


def shrink(patch: Callable[[Any, str, Any], None]) -> None:
    """Constants with which everything is a matter of a second; a study of the demo's rows on a tiny model."""
    patch(mda.workflows.attribute, "SHARD_ROWS", 16)
    patch(mda.workflows.demo, "CHECKPOINT_EVERY", 20)
    patch(mda.workflows.demo, "HELD_OUT_ROWS", 16)
    patch(mda.workflows.demo, "DEMO_RECIPE", Recipe(batch_size=4, learning_rate=3e-3))
    patch(
        mda.workflows.demo,
        "demo_config",
        lambda vocab_size, seq_len: tiny_model_config(vocab_size, positions=seq_len),
    )


def kill_at(piece: int) -> None:
    """Let this process kill itself at its nth piece of work."""
    pieces, real = itertools.count(1), Progress.advance

    def advance(self: Progress, done: int = 1) -> None:
        if next(pieces) == piece:
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, done)

    Progress.advance = advance


if __name__ == "__main__":
    torch.set_num_threads(1)
    shrink(setattr)
    if sys.argv[1] != "0":
        kill_at(int(sys.argv[1]))
    sys.exit(run_job(sys.argv[3:]) if sys.argv[2] == "job" else run(sys.argv[2:]))
