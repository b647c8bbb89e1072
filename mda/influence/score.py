"""Influence scores of rows and of their tokens, I(z) = - < grad L(z), P >; positive: training on z promotes f.

L(z) is the row's summed next-token loss. No per-row gradient is ever made: with G = sum_t x_t g_t^T the inner
product is sum_t (x_t^T P) . g_t, whose summands are the per-token influence and add up to the row's score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from mda.heads.geometry import Head
from mda.heads.modules import hidden_states
from mda.influence.capture import Capture
from mda.influence.directions import Directions
from mda.influence.next_token import loss_gradient

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM


def in_format(model: GPTNeoXForCausalLM, dtype: str) -> GPTNeoXForCausalLM:
    """The model itself with its weights in that format, `float32` or `bfloat16`. Rotary frequencies stay fp32:
    their rounding would grow with the position, to whole turns at 2048 tokens."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(getattr(torch, dtype))
    return model


class Scorer:
    """Scores rows along one or more sets of directions over the same blocks, in one pass a batch.

    Context manager. `heads` fixes the columns; a head without directions scores 0.
    """

    def __init__(self, model: GPTNeoXForCausalLM, sets: Sequence[Directions], heads: Sequence[Head]) -> None:
        self.model, self.heads = model, list(heads)
        self.sets = [{block: p.to(model.device) for block, p in one.items()} for one in sets]
        self.capture = Capture(model, list(sets[0])) if sets[0] else None

    def __enter__(self) -> Scorer:
        if self.capture:
            self.capture.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self.capture:
            self.capture.__exit__(None, None, None)

    def tokens(self, tokens: np.ndarray) -> np.ndarray:
        """Per-token influence float32 [sets, heads, B, T] of rows of token ids [B, T + 1].

        Column t belongs to position t of the input: what the block computed there.
        """
        shape = (len(self.sets), len(self.heads), tokens.shape[0], tokens.shape[1] - 1)
        found = torch.zeros(shape, device=self.model.device)
        if self.capture is None:
            return found.cpu().numpy()
        ids = torch.from_numpy(tokens.astype(np.int64)).to(self.model.device)
        hidden = hidden_states(self.model, ids[:, :-1])
        _, gradient = loss_gradient(self.model, hidden, targets=ids[:, 1:])
        sides = self.capture.sides(hidden, gradient)
        columns = {head: column for column, head in enumerate(self.heads)}
        for number, directions in enumerate(self.sets):
            for block, p in directions.items():
                x, g = sides[block.input], sides[block.output]
                # multiply on the wider side, so that the product has the narrower one's width
                product = (x @ p) * g if p.shape[0] >= p.shape[1] else x * (g @ p.T)
                found[number, columns[block.head]] -= product.sum(-1)
        return found.cpu().numpy()

    def rows(self, tokens: np.ndarray) -> np.ndarray:
        """Scores float64 [sets, heads, B] of rows of token ids [B, T + 1]."""
        return self.tokens(tokens).sum(-1, dtype=np.float64)
