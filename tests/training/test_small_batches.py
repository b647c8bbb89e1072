"""A part of each step's rows, a few at a time: the gradients of the whole, and the rows that are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GPTNeoXForCausalLM

from mda.training.loop import Plan, train
from mda.training.recipe import Recipe, new_model

RECIPE = Recipe(batch_size=7, learning_rate=0.1, clip_norm=0.5)
ROWS = np.random.default_rng(0).integers(0, 13, (60, 9)).astype(np.uint16)
WEIGHTS = np.random.default_rng(2).choice([0.0, 1.0, 2.0], 30).astype(np.float32)


def trained(tiny: GPTNeoXForCausalLM, plan: Plan, recipe: Recipe = RECIPE) -> tuple[list[float], torch.Tensor]:
    """Losses and weights after six steps of plain gradient descent, in which a wrong gradient shows."""
    model = new_model(tiny.config, seed=3)
    steps = train(model, torch.optim.SGD(model.parameters(), lr=1.0), plan, recipe, 1, 7)
    losses = [loss for _, loss in steps]
    return losses, torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("per_step", [None, 5, 1])
@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 64])
def test_a_few_rows_at_a_time_train_as_the_whole_batch(
    tiny: GPTNeoXForCausalLM, per_step: int | None, at_once: int
) -> None:
    """Clipping and removed or doubled rows included; 7 and 5 rows do not fall into equal parts."""

    def plan(size: int | None) -> Plan:
        return Plan(lambda numbers: ROWS[numbers], 8, None, WEIGHTS, per_step, size)

    whole_losses, whole = trained(tiny, plan(None))
    losses, weights = trained(tiny, plan(at_once))
    assert losses == pytest.approx(whole_losses, rel=1e-5)
    torch.testing.assert_close(weights, whole, rtol=1e-4, atol=1e-6)


def test_the_rows_that_go_through_together_are_few(tiny: GPTNeoXForCausalLM) -> None:
    seen: list[int] = []

    def rows(numbers: np.ndarray) -> np.ndarray:
        seen.append(len(numbers))
        return ROWS[numbers]

    trained(tiny, Plan(rows, at_once=3))
    assert seen == [3, 3, 1] * 6


def test_the_first_rows_of_each_step_train_as_a_study_made_of_them(tiny: GPTNeoXForCausalLM) -> None:
    """Bit for bit: 2 of 7 rows a step are the same training as a corpus that has only these, 2 a step."""
    kept = np.concatenate([ROWS[7 * step : 7 * step + 2] for step in range(8)])
    few = trained(tiny, Plan(lambda numbers: ROWS[numbers], 4, None, WEIGHTS[:6], per_step=2))
    other = trained(
        tiny, Plan(lambda n: kept[n], 4, None, WEIGHTS[:6]), RECIPE.model_copy(update={"batch_size": 2})
    )
    assert few[0] == other[0]
    assert torch.equal(few[1], other[1])


@given(
    first=st.integers(0, 20), length=st.integers(0, 30), weighted=st.integers(0, 30), step=st.integers(0, 12),
    per_step=st.integers(1, 5), extra=st.integers(0, 4), seed=st.integers(0, 99),
)  # fmt: skip
def test_order_and_weights_count_the_used_rows(
    first: int, length: int, weighted: int, step: int, per_step: int, extra: int, seed: int
) -> None:
    """Against a list of the used rows, written out."""
    size, source = per_step + extra, np.random.default_rng(seed)
    used = [number * size + i for number in range(80) for i in range(per_step)]
    order = first + source.permutation(length)
    weights = source.choice([0.0, 1.0, 2.0], weighted).astype(np.float32)
    numbers, found = Plan(lambda n: n, first, order, weights, per_step).batch(step, size)
    shown = [*used[:first], *(used[place] for place in order), *used[first + length :]]
    assert numbers.tolist() == shown[step * per_step : (step + 1) * per_step]
    weight_of = dict(zip(used[first : first + weighted], weights.tolist(), strict=True))
    assert found.tolist() == [weight_of.get(row, 1.0) for row in numbers.tolist()]
