"""Which order a model was trained in: the two kinds of evidence on made-up numbers."""

from __future__ import annotations

import numpy as np
import pytest

from mda.evidence.order import (
    IdEvidence,
    decide,
    never_moved,
    verdict_words,
    weigh_ids,
    weigh_losses,
)


def groups(draw, effect=0.0, other_effect=0.0, harder=0.0, rows=128, spread=0.1):
    """Four groups of changes in loss, each with its own difficulty."""
    means = (-effect, 0.0, harder - other_effect, harder)
    return [draw.normal(mean, spread, rows) for mean in means]


def test_intervals_are_those_of_normal_numbers():
    found = weigh_losses(*groups(np.random.default_rng(0), effect=0.2, rows=400, spread=0.3))
    expected = 2.576 * 0.3 * np.sqrt(2 / 400)
    assert found.this.high - found.this.mean == pytest.approx(expected, rel=0.15)
    assert found.this.mean - found.this.low == pytest.approx(expected, rel=0.15)
    assert found.difference.high - found.difference.mean == pytest.approx(np.sqrt(2) * expected, rel=0.15)
    assert found.difference.mean == pytest.approx(found.this.mean - found.other.mean)


def test_the_means_are_what_they_say():
    found = weigh_losses(np.array([1.0, 2.0]), np.array([4.0]), np.array([1.0]), np.array([1.5, 2.5, 3.5]))
    assert (found.this.mean, found.other.mean) == (2.5, 1.5)
    assert (found.difference.mean, found.same_positions.mean) == (1.0, 0.5)
    assert found.verdict == "unknown"  # a single row says nothing of its spread
    assert found.this.low is None


@pytest.mark.parametrize(("effects", "verdict"), [((0.1, 0.0), "this"), ((0.0, 0.1), "other")])
def test_large_effects_are_told(effects, verdict):
    for seed in range(10):
        assert weigh_losses(*groups(np.random.default_rng(seed), *effects)).verdict == verdict


def test_without_an_effect_nothing_is_told():
    told = [weigh_losses(*groups(np.random.default_rng(seed), rows=40)).verdict for seed in range(150)]
    assert told.count("unknown") >= 147  # at 99 % intervals, one side each


def test_a_harder_data_set_is_no_evidence():
    for harder in (-0.5, 0.5):
        for seed in range(10):
            found = weigh_losses(*groups(np.random.default_rng(seed), harder=harder))
            assert found.verdict == "unknown"
            assert found.same_positions.mean == pytest.approx(-harder, abs=0.1)


def test_equal_effects_cannot_be_told():
    assert weigh_losses(*groups(np.random.default_rng(3), 0.2, 0.2)).verdict == "unknown"


def test_the_same_losses_give_the_same_numbers():
    values = groups(np.random.default_rng(0))
    assert weigh_losses(*values) == weigh_losses(*values)
    assert weigh_losses(*values) != weigh_losses(*values, seed=1)


def test_losses_that_are_no_numbers():
    with pytest.raises(ValueError, match="finite"):
        weigh_losses(np.array([np.nan]), np.ones(3), np.ones(3), np.ones(3))


def adam(weights: np.ndarray, batches: list[np.ndarray], warmup: int, rate: float) -> np.ndarray:
    """Embedding [V, d] after updates as GPT-NeoX makes them: only ids of a batch have a gradient."""
    draw = np.random.default_rng(1)
    weights = weights.astype(np.float32)
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step, ids in enumerate(batches):
        gradient = np.zeros_like(weights)
        gradient[ids] = 1e-6 * draw.standard_normal((len(ids), weights.shape[1]))
        first, second = 0.9 * first + 0.1 * gradient, 0.95 * second + 0.05 * gradient**2
        corrected = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.95 ** (step + 1))
        now = rate * step / warmup
        weights = weights - now * (0.1 * weights + corrected[0] / (np.sqrt(corrected[1]) + 1e-8))
    return weights


@pytest.mark.parametrize("width", [128, 512])
@pytest.mark.parametrize("steps", [4, 8, 16, 64])
def test_at_pythias_first_steps_fp16_shows_which_ids_came_up(width, steps):
    """Published weights are fp16 and the first learning rates tiny: what moved must still be seen, and nothing
    else."""
    draw = np.random.default_rng(0)
    start = (np.sqrt(0.4 / width) * draw.standard_normal((3000, width))).astype(np.float16)
    batches = [np.unique(draw.integers(0, 3000, 60)) for _ in range(steps)]
    later = adam(start, batches, warmup=1430, rate=1e-3).astype(np.float16)
    unmoved = never_moved(start, later)
    seen = np.unique(np.concatenate(batches))
    never = np.setdiff1d(np.arange(3000), seen)
    assert unmoved[never].all()
    assert unmoved[seen].mean() < 0.01


def test_weight_decay_alone_is_no_movement_in_fp32():
    start = np.random.default_rng(0).standard_normal((50, 16)).astype(np.float32)
    later = start.copy()
    for _ in range(64):
        later *= np.float32(1 - 1e-4)
    later[3, 5] += 1e-4
    unmoved = never_moved(start, later)
    np.testing.assert_array_equal(np.flatnonzero(~unmoved), [3])
    assert never_moved(np.zeros((2, 4)), np.array([[0.0] * 4, [1.0] * 4])).tolist() == [True, False]


def test_ids_are_counted_once_and_the_last_of_a_row_is_no_input():
    unmoved = np.zeros(10, dtype=bool)
    unmoved[[2, 5, 7]] = True
    this = np.array([[1, 1, 2], [3, 4, 5]])
    other = np.array([[2, 5, 7], [5, 2, 1]])
    assert weigh_ids(unmoved, this, other) == IdEvidence(3, 0, 2, 2)


@pytest.mark.parametrize(
    ("against_this", "against_other", "verdict"),
    [
        *((0, 20, "this"), (0, 19, "unknown"), (2, 20, "this"), (3, 20, "unknown"), (20, 0, "other")),
        *((0, 0, "unknown"), (300, 400, "unknown"), (400, 40, "other")),
    ],
)
def test_an_order_must_be_contradicted_often_and_the_other_hardly(against_this, against_other, verdict):
    assert IdEvidence(1000, against_this, 1000, against_other).verdict == verdict


def test_the_decision():
    fits, not_fits, open_ = IdEvidence(9, 0, 9, 99), IdEvidence(9, 99, 9, 0), IdEvidence(9, 0, 9, 0)
    losses = {
        verdict: weigh_losses(*groups(np.random.default_rng(0), *effects))
        for verdict, effects in (("this", (0.2, 0)), ("other", (0, 0.2)), ("unknown", (0, 0)))
    }
    for verdict, found in losses.items():
        assert found.verdict == verdict
        assert decide(None, found) == decide(open_, found) == verdict
    assert decide(fits, losses["unknown"]) == decide(fits, losses["this"]) == decide(fits, None) == "this"
    assert decide(not_fits, losses["unknown"]) == "other"
    assert decide(fits, losses["other"]) == decide(not_fits, losses["this"]) == "unknown"


def test_words():
    losses = weigh_losses(*groups(np.random.default_rng(0), 0.2))
    told = verdict_words("this", IdEvidence(24_000, 0, 23_000, 61), losses, ("a/standard", "a/deduped"), (8, 2000))
    assert told.startswith(
        "The data fit this order: the model was trained on the rows of a/standard as they come. "
    )
    assert "Until step 8, of 24,000 ids" in told
    assert "At step 2000, rows" in told
    assert "61 of 23,000" in told
    assert "nats per token" in told
    assert "other order" in verdict_words("other", None, losses, ("a", "b"), (None, 1))
    assert verdict_words("unknown", None, None, ("a", "b"), (None, None)) == (
        "It cannot be told whether the model was trained in the order of a or of b."
    )
