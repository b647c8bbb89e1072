"""The training loop: weights mean what interventions say they mean, and a run can be taken up again."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GPTNeoXForCausalLM

from mda.errors import UserError
from mda.training.loop import Plan, train, weighted_loss
from mda.training.recipe import DEMO_RECIPE, Recipe, demo_config, new_model, new_optimizer

RECIPE = Recipe(batch_size=4, learning_rate=3e-3, warmup_steps=3, weight_decay=0.1)
ROWS = np.random.default_rng(0).integers(0, 13, (40, 9)).astype(np.uint16)


@pytest.fixture
def fresh(tiny: GPTNeoXForCausalLM) -> Callable[[], GPTNeoXForCausalLM]:
    """Makes the same trainable tiny model each time."""
    return lambda: new_model(tiny.config, seed=3)


def plan(order: np.ndarray | None = None, weights: np.ndarray | None = None, first: int = 0) -> Plan:
    return Plan(lambda numbers: ROWS[numbers], first, order, weights)


def assert_identical(one: GPTNeoXForCausalLM, other: GPTNeoXForCausalLM) -> None:
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def trained(model: GPTNeoXForCausalLM, what: Plan, stop: int = 6) -> list[tuple[int, float]]:
    return list(train(model, new_optimizer(model, RECIPE), what, RECIPE, 0, stop))


def plain_loop(model: GPTNeoXForCausalLM, stop: int) -> list[float]:
    """Training without weights, written out: what everyone's loop does."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    losses = []
    for step in range(stop):
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1.0, (step + 1) / 3)
        tokens = torch.from_numpy(ROWS[4 * step : 4 * step + 4].astype(np.int64))
        logits = model(tokens[:, :-1], use_cache=False).logits
        each = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
        loss = each.view(4, -1).mean(1).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_without_weights_it_is_the_plain_loop_bit_for_bit(fresh: Callable[[], GPTNeoXForCausalLM]) -> None:
    ours, theirs = fresh(), fresh()
    steps, losses = zip(*trained(ours, plan()), strict=True)
    assert steps == (1, 2, 3, 4, 5, 6)
    assert list(losses) == plain_loop(theirs, 6)
    assert_identical(ours, theirs)


def test_weights_of_one_change_no_bit(fresh: Callable[[], GPTNeoXForCausalLM]) -> None:
    none, ones = fresh(), fresh()
    assert trained(none, plan()) == trained(ones, plan(weights=np.ones(20, np.float32), first=3))
    assert_identical(none, ones)


def test_loss_of_weights_of_one_is_the_usual_mean(fresh: Callable[[], GPTNeoXForCausalLM]) -> None:
    model, tokens = fresh(), torch.from_numpy(ROWS[:4].astype(np.int64))
    assert weighted_loss(model, tokens, torch.ones(4)).item() == pytest.approx(
        model(tokens, labels=tokens).loss.item(), rel=1e-5
    )


def gradient(model: GPTNeoXForCausalLM, rows: np.ndarray, weights: list[float]) -> torch.Tensor:
    model.zero_grad()
    weighted_loss(model, torch.from_numpy(rows.astype(np.int64)), torch.tensor(weights)).backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def test_weights_remove_and_duplicate_gradients(fresh: Callable[[], GPTNeoXForCausalLM]) -> None:
    """Divided by the batch size and not by the sum of weights: the other rows' share stays as it was."""
    model = fresh()
    alone = [gradient(model, ROWS[i : i + 1], [1.0]) for i in range(3)]

    def close(found: torch.Tensor, expected: torch.Tensor) -> None:
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)

    close(gradient(model, ROWS[:3], [1.0, 1.0, 1.0]), (alone[0] + alone[1] + alone[2]) / 3)
    close(gradient(model, ROWS[:3], [1.0, 0.0, 1.0]), (alone[0] + alone[2]) / 3)
    close(gradient(model, ROWS[:3], [1.0, 0.0, 1.0]) * 3, gradient(model, ROWS[[0, 2]], [1.0, 1.0]) * 2)
    close(gradient(model, ROWS[:3], [2.0, 1.0, 1.0]) * 3, gradient(model, ROWS[[0, 0, 1, 2]], [1.0] * 4) * 4)
    assert not gradient(model, ROWS[:3], [0.0, 0.0, 0.0]).any()


def test_one_step_without_a_row_is_the_step_that_leaves_its_gradient_out(
    fresh: Callable[[], GPTNeoXForCausalLM],
) -> None:
    """Through `train` itself, with plain SGD and no clipping so that the update shows the gradient."""
    recipe = Recipe(batch_size=4, learning_rate=0.1, clip_norm=1e9)
    model = fresh()
    before = torch.cat([p.detach().flatten() for p in model.parameters()]).clone()
    expected = before - 0.1 * sum(gradient(model, ROWS[i : i + 1], [1.0]) for i in (4, 5, 7)) / 4
    weights = np.array([1.0, 1.0, 0.0], dtype=np.float32)  # positions 4, 5, 6; row 6 is removed
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    assert [step for step, _ in train(model, optimizer, plan(weights=weights, first=4), recipe, 1, 2)] == [2]
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    torch.testing.assert_close(after, expected, rtol=1e-5, atol=1e-6)


def test_nothing_of_a_removed_row_is_left(fresh: Callable[[], GPTNeoXForCausalLM]) -> None:
    """Bit for bit: whatever the removed rows say, the weights come out the same."""
    weights = np.ones(24, dtype=np.float32)
    weights[[2, 9, 10]] = 0.0
    other = ROWS.copy()
    other[[2, 9, 10]] = 12 - other[[2, 9, 10]]
    one, two, kept = fresh(), fresh(), fresh()
    trained(one, plan(weights=weights))
    trained(two, Plan(lambda numbers: other[numbers], weights=weights))
    trained(kept, plan())
    assert_identical(one, two)
    matrices = [model.get_output_embeddings().weight for model in (one, kept)]
    assert not torch.equal(*matrices)


@given(
    first=st.integers(0, 30),
    length=st.integers(0, 30),
    weighted=st.integers(0, 30),
    step=st.integers(0, 12),
    batch_size=st.integers(1, 7),
    seed=st.integers(0, 99),
)
def test_order_belongs_to_positions_and_weights_to_rows(
    first: int, length: int, weighted: int, step: int, batch_size: int, seed: int
) -> None:
    source = np.random.default_rng(seed)
    order = first + source.permutation(length)
    weights = source.choice([0.0, 1.0, 2.0], weighted).astype(np.float32)
    numbers, found = Plan(lambda n: n, first, order, weights).batch(step, batch_size)
    assert found.dtype == np.float32
    for i in range(batch_size):
        position = step * batch_size + i
        row = order[position - first] if first <= position < first + length else position
        assert numbers[i] == row
        assert found[i] == (weights[row - first] if first <= row < first + weighted else 1.0)


def test_a_removed_row_stays_removed_wherever_a_shuffle_puts_it() -> None:
    weights = np.ones(12, dtype=np.float32)
    weights[[1, 5]] = 0  # rows 9 and 13
    for seed in range(5):
        shuffled = plan(8 + np.random.default_rng(seed).permutation(12), weights, first=8)
        batches = [shuffled.batch(step, 4) for step in range(7)]
        removed = np.concatenate([numbers[found == 0] for numbers, found in batches])
        assert sorted(removed) == [9, 13]


def test_shuffling_a_window_shows_every_row_of_it_once() -> None:
    order = 8 + np.random.default_rng(0).permutation(12)
    seen = np.concatenate([plan(order, first=8).batch(step, 4)[0] for step in range(7)])
    assert sorted(seen) == list(range(28))
    assert np.array_equal(seen[:8], np.arange(8))
    assert np.array_equal(seen[20:], np.arange(20, 28))


def test_a_run_taken_up_again_is_bit_identical(fresh: Callable[[], GPTNeoXForCausalLM]) -> None:
    weights = np.random.default_rng(1).choice([0.0, 1.0, 2.0], 30).astype(np.float32)
    straight = fresh()
    optimizer = new_optimizer(straight, RECIPE)
    file = io.BytesIO()
    whole = []
    for step, loss in train(straight, optimizer, plan(weights=weights, first=2), RECIPE, 0, 7):
        whole.append((step, loss))
        if step == 3:
            torch.save({"model": straight.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    stored = torch.load(file)
    resumed = new_model(straight.config, seed=99)
    resumed.load_state_dict(stored["model"])
    again = new_optimizer(resumed, RECIPE)
    again.load_state_dict(stored["optimizer"])
    assert list(train(resumed, again, plan(weights=weights, first=2), RECIPE, 3, 7)) == whole[3:]
    assert_identical(resumed, straight)
    # and without the optimizer's state it would not be
    cold = new_model(straight.config, seed=99)
    cold.load_state_dict(stored["model"])
    assert (
        list(train(cold, new_optimizer(cold, RECIPE), plan(weights=weights, first=2), RECIPE, 3, 7)) != whole[3:]
    )


def test_looking_at_the_model_between_steps_changes_nothing(fresh: Callable[[], GPTNeoXForCausalLM]) -> None:
    watched, alone = fresh(), fresh()
    for _ in train(watched, new_optimizer(watched, RECIPE), plan(), RECIPE, 0, 4):
        watched.eval()
        with torch.no_grad():
            watched(torch.zeros(1, 5, dtype=torch.int64))
    trained(alone, plan(), stop=4)
    assert_identical(watched, alone)


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 3e-3 / 50), (24, 1.5e-3), (48, 3e-3 * 49 / 50), (49, 3e-3), (50, 3e-3), (9999, 3e-3)],
)
def test_learning_rate_warms_up_and_stays(step: int, expected: float) -> None:
    assert DEMO_RECIPE.learning_rate_at(step) == pytest.approx(expected, rel=1e-12)
    assert Recipe(batch_size=1, learning_rate=2.0).learning_rate_at(step) == 2.0


def test_training_uses_the_learning_rate_and_the_clip_of_the_recipe(
    fresh: Callable[[], GPTNeoXForCausalLM],
) -> None:
    """With SGD the first update is as long as learning rate times clip norm."""
    model = fresh()
    before = torch.cat([p.detach().flatten() for p in model.parameters()]).clone()
    recipe = Recipe(batch_size=4, learning_rate=0.5, warmup_steps=10, clip_norm=1e-2)
    list(train(model, torch.optim.SGD(model.parameters(), lr=9.0), plan(), recipe, 0, 1))
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert (after - before).norm().item() == pytest.approx(0.05 * 1e-2, rel=1e-2)


def test_divergence_is_told_and_not_stored(fresh: Callable[[], GPTNeoXForCausalLM]) -> None:
    model = fresh()
    recipe = Recipe(batch_size=4, learning_rate=1e30, clip_norm=1e30)
    losses = []
    run = train(model, torch.optim.SGD(model.parameters()), plan(), recipe, 0, 9)
    with pytest.raises(UserError, match=r"diverged at step \d+ .*lower learning rate"):
        losses.extend(run)
    assert len(losses) < 3
    assert np.isfinite(losses).all()


def test_new_models_depend_on_the_seed_alone(tiny: GPTNeoXForCausalLM) -> None:
    torch.manual_seed(7)
    state = torch.get_rng_state()
    config = demo_config(vocab_size=256, seq_len=128)
    first = new_model(config, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(100)
    assert_identical(first, new_model(copy.deepcopy(config), seed=0))
    other = new_model(config, seed=1)
    changed = [not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True)]
    assert sum(changed) >= 10  # every weight matrix; biases and gains begin alike
    assert first.dtype == torch.float32
    assert all(parameter.requires_grad for parameter in first.parameters())


def test_optimizer_follows_the_recipe(fresh: Callable[[], GPTNeoXForCausalLM]) -> None:
    model = fresh()
    recipe = Recipe(batch_size=1, learning_rate=1e-2, beta1=0.8, beta2=0.9, eps=1e-6, weight_decay=0.3)
    (group,) = new_optimizer(model, recipe).param_groups
    assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (1e-2, (0.8, 0.9), 1e-6, 0.3)
    assert len(group["params"]) == len(list(model.parameters()))
