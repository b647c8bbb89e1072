"""Scores of hand-made attention patterns, and the table of scores against one sequence at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import GPTNeoXForCausalLM

from mda.heads.geometry import Geometry
from mda.heads.patterns import recorded_patterns
from mda.heads.scores import HEAD_SCORES, PATTERN_SCORES, head_scores, prefix_matching
from mda.heads.sequences import RepeatedBatch, repeated_batches, spread_periods

Key = Callable[[int, int], int]  # (query position, period) -> key position


def sequence(period: int, count: int = 2) -> RepeatedBatch:
    return repeated_batches(range(1, 97), start=0, periods=(period,), sequences=count, seed=0)[0]


def attending(key: Key, batch: RepeatedBatch) -> torch.Tensor:
    """Patterns [B, 1, T, T] of a head that puts all of every query's attention on one key."""
    pattern = torch.zeros(len(batch.tokens), 1, batch.length, batch.length)
    for t in range(batch.length):
        pattern[:, :, t, key(t, batch.period)] = 1.0
    return pattern


# What each ideal head does where its rule applies, and where it rests otherwise: on itself (t).
IDEAL: dict[str, Key] = {
    "prefix_matching": lambda t, p: t - p + 1 if t > p else t,
    "previous_token": lambda t, p: max(t - 1, 0),
    "duplicate_token": lambda t, p: t - p if t > p else t,
    "first_token": lambda t, p: 0,
}


@pytest.mark.parametrize("period", [4, 7, 30])
@pytest.mark.parametrize("ideal", IDEAL)
def test_an_ideal_head_scores_one_on_its_own_score_and_zero_on_the_others(ideal: str, period: int) -> None:
    batch = sequence(period)
    for name, score in PATTERN_SCORES.items():
        found = score(attending(IDEAL[ideal], batch), batch)
        assert found.shape == (1,)
        if name == ideal:
            assert found.item() == 1.0
        elif {name, ideal} == {"first_token", "previous_token"}:
            # position 1 has one key behind it, which is both: 1 of the 2p positions
            assert found.item() == pytest.approx(1 / (2 * period))
        else:
            assert found.item() == 0.0


def test_prefix_matching_looks_at_what_followed_the_same_token() -> None:
    """Read off the tokens and not off the period: wherever t attends, the key's left neighbour is token t."""
    batch = sequence(11)
    for t in batch.repeats.tolist():
        key = IDEAL["prefix_matching"](t, batch.period)
        assert torch.equal(batch.tokens[:, key - 1], batch.tokens[:, t])


def test_heads_and_sequences_are_averaged_apart() -> None:
    """Head 0 is ideal in one of two sequences, head 1 in none, head 2 in both."""
    batch = sequence(6)
    good, bad = (attending(IDEAL[name], batch)[:1] for name in ("prefix_matching", "first_token"))
    patterns = torch.cat([torch.cat([good, bad, good], 1), torch.cat([bad, bad, good], 1)])
    assert prefix_matching(patterns, batch).tolist() == [0.5, 0.0, 1.0]


def test_looking_back_a_fixed_distance_does_not_pass_for_prefix_matching() -> None:
    """At its own period such a head is perfect; over the varied periods it is right in one batch of eight."""
    periods = spread_periods(128, 96)
    assert len(periods) == 8
    batches = [sequence(period) for period in periods]
    for distance in range(1, 70):

        def back(t: int, p: int, distance: int = distance) -> int:
            return max(t - distance, 0)

        found = [prefix_matching(attending(back, batch), batch).item() for batch in batches]
        assert np.mean(found) <= 1 / 8
        assert found == [float(distance == period - 1) for period in periods]
        if distance >= 3:
            own = sequence(distance + 1)
            assert prefix_matching(attending(back, own), own).item() == 1.0


def test_uniform_attention_scores_what_chance_gives() -> None:
    batch = sequence(5)
    pattern = torch.ones(2, 1, 11, 11).tril() / torch.arange(1, 12)[:, None]
    chance = np.mean([1 / (t + 1) for t in range(6, 11)])
    assert prefix_matching(pattern, batch).item() == pytest.approx(chance)
    assert PATTERN_SCORES["duplicate_token"](pattern, batch).item() == pytest.approx(chance)
    for name in ("previous_token", "first_token"):
        assert PATTERN_SCORES[name](pattern, batch).item() == pytest.approx(
            np.mean([1 / (t + 1) for t in range(1, 11)])
        )


@pytest.mark.parametrize("former", ["sdpa", "eager"])
def test_recorded_patterns_are_those_of_transformers(tiny: GPTNeoXForCausalLM, former: str) -> None:
    tiny.set_attn_implementation("eager")
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, 13, (3, 9)))
    expected = tiny(ids, output_attentions=True).attentions
    tiny.set_attn_implementation(former)
    with recorded_patterns(tiny, [0, 1]) as patterns:
        tiny(ids)
    assert sorted(patterns) == [0, 1]
    for layer in (0, 1):
        assert torch.equal(patterns[layer], expected[layer])
        torch.testing.assert_close(patterns[layer].sum(-1), torch.ones(3, 2, 9))
        assert not patterns[layer].triu(1).any()


def test_recording_leaves_the_model_as_it_was_even_after_an_error(tiny: GPTNeoXForCausalLM) -> None:
    assert tiny.config._attn_implementation == "sdpa"
    recording = recorded_patterns(tiny, [1])
    patterns = recording.__enter__()
    assert tiny.config._attn_implementation == "eager"
    error = RuntimeError("stop")
    assert not recording.__exit__(RuntimeError, error, None)  # goes on to the caller
    assert tiny.config._attn_implementation == "sdpa"
    tiny(torch.zeros(1, 5, dtype=torch.int64))
    assert not patterns  # no hook is left


def test_the_table_is_the_mean_over_sequences_taken_one_by_one(tiny: GPTNeoXForCausalLM) -> None:
    """Batches of unequal size: 5 and 4 sequences of two periods."""
    batches = repeated_batches(range(1, 13), start=0, periods=(4, 6), sequences=9, seed=1)
    table = head_scores(tiny, batches)
    assert list(table.columns) == ["layer", "head", *HEAD_SCORES]
    assert list(zip(table["layer"], table["head"], strict=True)) == [
        (h.layer, h.index) for h in Geometry.of(tiny.config).all_heads()
    ]
    single = [
        head_scores(tiny, [RepeatedBatch(batch.tokens[i : i + 1], batch.period)])
        for batch in batches
        for i in range(len(batch.tokens))
    ]
    for name in HEAD_SCORES:
        np.testing.assert_allclose(
            table[name], np.mean([one[name] for one in single], axis=0), rtol=1e-5, atol=1e-6
        )
        assert table[name].between(-1.0 if name == "copying" else 0.0, 1.0).all()
