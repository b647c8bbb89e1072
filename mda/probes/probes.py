"""The probes. Each is one function of a model, a batch of sequences [start, R, R] and heads.

The choice matters more than anything else in an attribution. Around the birth of an induction head the
log-probability of the second copy ranks training rows with the wrong sign (before copying works it rewards
"names follow names"), attention to the matching token with the right one. Register a new probe in `PROBES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mda.errors import UserError
from mda.heads import scores
from mda.heads.geometry import Head, by_layer
from mda.heads.model_scores import losses_at
from mda.heads.modules import hidden_states
from mda.heads.patterns import recorded_patterns
from mda.heads.sequences import RepeatedBatch

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

Value = Callable[["GPTNeoXForCausalLM", RepeatedBatch, Sequence[Head]], torch.Tensor]


@dataclass(frozen=True)
class Probe:
    """A probe: `value` is a scalar tensor in the autograd graph, a mean over sequences and a sum over heads.

    `of_head` says whether it measures the heads' own attention (then heads of one layer do not enter each
    other's value) or a behaviour of the whole model.
    """

    name: str
    of_head: bool
    about: str
    value: Value


def _attention(score: scores.PatternScore) -> Value:
    def value(model: GPTNeoXForCausalLM, batch: RepeatedBatch, heads: Sequence[Head]) -> torch.Tensor:
        grouped = by_layer(heads)
        with recorded_patterns(model, grouped) as patterns:
            hidden_states(model, batch.tokens)
        return torch.stack(
            [score(patterns[layer], batch)[[h.index for h in some]].sum() for layer, some in grouped.items()]
        ).sum()

    return value


def _second_copy_log_probability(
    model: GPTNeoXForCausalLM, batch: RepeatedBatch, heads: Sequence[Head]
) -> torch.Tensor:
    """Position t predicts token t + 1, so the tokens after the second copy's first are read one place earlier."""
    tokens = batch.tokens.to(model.device)
    first = batch.period + 1  # the second copy's first token cannot be foreseen; its followers can
    hidden = hidden_states(model, tokens)[:, first:-1]
    return -losses_at(model, hidden.flatten(0, 1), tokens[:, first + 1 :].flatten()).mean()


PROBES = {
    probe.name: probe
    for probe in (
        Probe(
            "prefix_matching",
            True,
            "the head's attention from a token to what followed it last time",
            _attention(scores.prefix_matching),
        ),
        Probe(
            "previous_token",
            True,
            "the head's attention to the token just before",
            _attention(scores.previous_token),
        ),
        Probe(
            "induction",
            False,
            "mean log-probability of the right next token in the second copy (the paper's probe)",
            _second_copy_log_probability,
        ),
    )
}


def find_probe(name: str) -> Probe:
    """The probe of that name. Raises UserError naming those there are."""
    if name not in PROBES:
        raise UserError(f"There is no probe '{name}'; choose one of {', '.join(PROBES)}.")
    return PROBES[name]
