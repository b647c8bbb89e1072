"""The weighted loss in chunks of logits: the same numbers and gradients as with all logits at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import GPTNeoXForCausalLM

from mda.training.loss import weighted_loss
from mda.training.recipe import new_model

ROWS = torch.from_numpy(np.random.default_rng(1).integers(0, 13, (5, 9)))
WEIGHTS = torch.tensor([1.0, 0.0, 2.0, 1.0, 1.0])


@pytest.fixture
def positions(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many positions' logits of the tiny model's 13 tokens are made at once."""

    def choose(count: int) -> None:
        monkeypatch.setattr("mda.heads.model_scores.CHUNK_LOGITS", 13 * count)

    return choose


def loss_and_gradients(model: GPTNeoXForCausalLM, of: int | None = None) -> tuple[float, torch.Tensor]:
    model.zero_grad()
    loss = weighted_loss(model, ROWS, WEIGHTS, of)
    loss.backward()
    return loss.item(), torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("count", [1, 3, 8, 39])
@pytest.mark.parametrize("of", [None, 7])
def test_chunks_change_nothing(
    tiny: GPTNeoXForCausalLM, positions: Callable[[int], None], count: int, of: int | None
) -> None:
    """40 positions in chunks of one, of an uneven number, of a row, and of all but one."""
    model = new_model(tiny.config, seed=3)
    loss, whole = loss_and_gradients(model, of)
    positions(count)
    told, chunked = loss_and_gradients(model, of)
    assert told == pytest.approx(loss, rel=1e-6)
    torch.testing.assert_close(chunked, whole, rtol=1e-4, atol=1e-7)
    assert chunked.abs().max() > 1e-3


def test_the_loss_is_divided_by_the_rows_of_the_step(tiny: GPTNeoXForCausalLM) -> None:
    model = new_model(tiny.config, seed=3)
    assert 7 * loss_and_gradients(model, 7)[0] == pytest.approx(5 * loss_and_gradients(model)[0], rel=1e-6)


def test_nothing_of_a_removed_row_is_left_in_chunks(
    tiny: GPTNeoXForCausalLM, positions: Callable[[int], None]
) -> None:
    """Bit for bit: whatever the row of weight 0 says, loss and gradients come out the same."""
    positions(5)
    model, other = new_model(tiny.config, seed=3), ROWS.clone()
    found = loss_and_gradients(model)
    other[1] = 12 - other[1]
    model.zero_grad()
    loss = weighted_loss(model, other, WEIGHTS)
    loss.backward()
    again = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    assert loss.item() == found[0]
    assert torch.equal(again, found[1])


def test_an_outer_factor_reaches_the_gradients(tiny: GPTNeoXForCausalLM, positions: Callable[[int], None]) -> None:
    positions(4)
    model = new_model(tiny.config, seed=3)
    _, once = loss_and_gradients(model)
    model.zero_grad()
    (3 * weighted_loss(model, ROWS, WEIGHTS)).backward()
    thrice = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    torch.testing.assert_close(thrice, 3 * once, rtol=1e-5, atol=1e-7)
