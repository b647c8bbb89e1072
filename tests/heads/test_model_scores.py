"""Induction loss, ICL and validation loss: which positions count, with models that know the answer."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import GPTNeoXForCausalLM

from mda.heads import model_scores
from mda.heads.model_scores import held_out_scores, icl_positions, induction_loss, token_losses
from mda.heads.sequences import repeated_batches

VOCAB = 30


class Copier:
    """At position j it predicts what followed the last earlier place of token j, surely; without one, evenly.

    `inverted` swaps the two: sure of the right token where nothing can be copied, even where it can. Its final
    hidden states are the logits, its unembedding changes nothing.
    """

    device = torch.device("cpu")

    def __init__(self, rows: torch.Tensor, inverted: bool) -> None:
        self.rows, self.inverted = rows, inverted
        self.same = torch.nn.Linear(VOCAB, VOCAB, bias=False)
        torch.nn.init.eye_(self.same.weight)

    def get_output_embeddings(self) -> torch.nn.Linear:
        return self.same

    def gpt_neox(self, ids: torch.Tensor, use_cache: bool) -> SimpleNamespace:
        logits = torch.zeros(*ids.shape, VOCAB)
        for b, row in enumerate(ids.tolist()):
            for j, token in enumerate(row):
                earlier = [i for i in range(j) if row[i] == token]
                if earlier and not self.inverted:
                    logits[b, j, row[earlier[-1] + 1]] = 60.0
                if not earlier and self.inverted:
                    logits[b, j, self.rows[b, j + 1]] = 60.0
        return SimpleNamespace(last_hidden_state=logits)


@pytest.mark.parametrize("period", [4, 9])
def test_induction_loss_covers_exactly_what_copying_can_predict(period: int) -> None:
    batches = repeated_batches(range(1, VOCAB), start=0, periods=(period,), sequences=3, seed=0)
    rows = batches[0].tokens
    assert induction_loss(Copier(rows, inverted=False), batches) == pytest.approx(0.0, abs=1e-6)  # type: ignore[arg-type]
    assert induction_loss(Copier(rows, inverted=True), batches) == pytest.approx(np.log(VOCAB))  # type: ignore[arg-type]


def test_induction_loss_weighs_tokens_of_all_batches_alike(tiny: GPTNeoXForCausalLM) -> None:
    batches = repeated_batches(range(1, 13), start=0, periods=(4, 7), sequences=5, seed=0)
    each = [
        -tiny(batch.tokens[:, :-1]).logits.log_softmax(-1)[i, j, batch.tokens[i, j + 1]].item()
        for batch in batches
        for i in range(len(batch.tokens))
        for j in range(batch.period + 1, 2 * batch.period)  # predicts j + 1: the second copy but its first
    ]
    assert len(each) == 3 * 3 + 2 * 6
    assert induction_loss(tiny, batches) == pytest.approx(np.mean(each), rel=1e-5)


def test_token_losses_have_the_mean_that_transformers_gives(
    tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray
) -> None:
    rows = torch.from_numpy(tiny_rows)
    losses = token_losses(tiny, rows)
    assert losses.shape == (24, 10)
    assert losses.mean().item() == pytest.approx(tiny(rows, labels=rows).loss.item(), rel=1e-5)


@pytest.mark.parametrize("size", [1, 7, 24])
def test_held_out_scores_do_not_depend_on_chunks(
    tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray, size: int
) -> None:
    rows = tiny_rows.astype(np.uint16)
    whole = held_out_scores(tiny, iter([rows]))
    parts = held_out_scores(tiny, (rows[i : i + size] for i in range(0, 24, size)))
    assert parts == pytest.approx(whole, rel=1e-6)
    assert whole["validation_loss"] == pytest.approx(token_losses(tiny, torch.from_numpy(tiny_rows)).mean().item())


@pytest.mark.parametrize(
    ("seq_len", "expected"),
    [
        (2048, 500 - 50),  # the 500th and the 50th prediction, as in Olsson et al. 2022
        (500, 500 - 50),
        (128, 128 - 16),  # means over positions 121 … 128 and 9 … 16
        (40, 38 - 3),  # an eighth is 5: positions 36 … 40 and 1 … 5
        (4, 4 - 1),
    ],
)
def test_icl_positions(
    tiny: GPTNeoXForCausalLM, monkeypatch: pytest.MonkeyPatch, seq_len: int, expected: float
) -> None:
    """Losses that are the position itself, counted from 1, show which positions enter."""
    places = torch.arange(1.0, seq_len + 1)
    monkeypatch.setattr(model_scores, "token_losses", lambda model, rows: places.repeat(len(rows), 1))
    found = held_out_scores(tiny, iter([np.zeros((3, seq_len + 1), np.uint16)]))
    assert found["icl"] == pytest.approx(expected)
    assert found["validation_loss"] == pytest.approx((seq_len + 1) / 2)
    early, late = icl_positions(seq_len)
    assert 1 <= early < late <= seq_len


def test_in_context_learning_is_negative(tiny: GPTNeoXForCausalLM, monkeypatch: pytest.MonkeyPatch) -> None:
    falling = torch.linspace(5.0, 1.0, 64)
    monkeypatch.setattr(model_scores, "token_losses", lambda model, rows: falling.repeat(len(rows), 1))
    assert held_out_scores(tiny, iter([np.zeros((1, 65))]))["icl"] < 0


def test_no_held_out_rows_give_no_number(tiny: GPTNeoXForCausalLM) -> None:
    assert all(np.isnan(value) for value in held_out_scores(tiny, iter([])).values())
