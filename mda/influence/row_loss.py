"""The next-token losses of one row, and their means where copying could help or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from mda.heads.model_scores import token_losses
from mda.spans import repeated_mask

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM


def row_losses(model: GPTNeoXForCausalLM, row: np.ndarray) -> np.ndarray:
    """Losses float32 [T] in nats of a row of token ids [T + 1]; column t is that of predicting token t + 1."""
    ids = torch.from_numpy(np.asarray(row).astype(np.int64))
    return token_losses(model, ids[None])[0].cpu().numpy()


@dataclass(frozen=True)
class MeanLosses:
    """Mean losses of a row in nats per token: of all its tokens, of those that copying predicts, and the others.

    NaN where there are none.
    """

    all: float
    copied: float
    other: float


def copied_targets(row: np.ndarray) -> np.ndarray:
    """Which of the predictions [T] of a row [T + 1] copying could make: bool.

    The token to predict and the one before it both lie in a run that occurred earlier in the row
    (`spans.repeated_mask`). The first token of a run is left out: nothing announces it.
    """
    again = repeated_mask(np.asarray(row)[None])[0]
    return again[1:] & again[:-1]


def mean_losses(losses: np.ndarray, copied: np.ndarray) -> MeanLosses:
    """The means of a row's losses [T] over all predictions and over those that `copied` [T] marks or not."""
    losses = np.asarray(losses, dtype=np.float64)

    def mean(values: np.ndarray) -> float:
        return float(values.mean()) if len(values) else float("nan")

    return MeanLosses(mean(losses), mean(losses[copied]), mean(losses[~copied]))
