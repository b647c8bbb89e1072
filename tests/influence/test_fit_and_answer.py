"""Fitting a curvature on a model's rows, the capture it stands on, and the answer made of both."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
import torch
from transformers import GPTNeoXForCausalLM

from mda.curvature.base import Curvature
from mda.curvature.registry import CURVATURES
from mda.heads.blocks import Block, block_weight, blocks_of
from mda.heads.geometry import Geometry, Head
from mda.heads.sequences import RepeatedBatch, repeated_batches
from mda.influence.attribute import Answer, Question, State, answer, done_of, fit_sample
from mda.influence.capture import Capture, block_gradient, row_gradients
from mda.influence.directions import Directions, RowChunks, fit_curvature, fit_together
from mda.influence.next_token import loss_gradient

HEADS = (Head(0, 1), Head(1, 0))
BLOCKS = blocks_of(HEADS, "qkvo")
NUMBERS = np.arange(100, 124)  # row numbers of `tiny_rows`


def chunks(rows: np.ndarray, size: int, order: np.ndarray | None = None) -> RowChunks:
    order = np.arange(len(rows)) if order is None else order

    def start() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for i in range(0, len(order), size):
            yield NUMBERS[order[i : i + size]], rows[order[i : i + size]]

    return start


def fitted(model: GPTNeoXForCausalLM, name: str, rows: RowChunks, seed: int = 0) -> Curvature:
    return fit_curvature(model, CURVATURES[name](BLOCKS), rows, seed)


def solutions(model: GPTNeoXForCausalLM, curvature: Curvature) -> dict[Block, torch.Tensor]:
    source = torch.Generator().manual_seed(0)
    sizes = Geometry.of(model.config)
    return {
        block: curvature.solve(block, torch.randn(block_weight(model, block, sizes).shape, generator=source))
        for block in BLOCKS
    }


@pytest.mark.parametrize("name", ["ekfac", "kfac", "diagonal", "exact"])
def test_a_fit_does_not_depend_on_batches_or_order(
    tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray, name: str
) -> None:
    expected = solutions(tiny, fitted(tiny, name, chunks(tiny_rows, 24)))
    shuffled = np.random.default_rng(0).permutation(24)
    for other in (chunks(tiny_rows, 1), chunks(tiny_rows, 7), chunks(tiny_rows, 5, shuffled)):
        for block, found in solutions(tiny, fitted(tiny, name, other)).items():
            torch.testing.assert_close(found, expected[block], rtol=1e-3, atol=1e-3 * expected[block].std().item())


@pytest.mark.parametrize("name", ["ekfac", "exact"])
def test_a_fit_samples_its_labels(tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray, name: str) -> None:
    """The true Fisher knows nothing of the rows' own targets; another seed draws other labels."""
    fit = solutions(tiny, fitted(tiny, name, chunks(tiny_rows, 8)))
    other_targets = tiny_rows.copy()
    other_targets[:, -1] = (other_targets[:, -1] + 1) % 13  # the last id is a target only
    same = solutions(tiny, fitted(tiny, name, chunks(other_targets, 8)))
    other = solutions(tiny, fitted(tiny, name, chunks(tiny_rows, 8), seed=1))
    for block in BLOCKS:
        assert torch.equal(same[block], fit[block])
        assert not torch.allclose(other[block], fit[block], rtol=1e-2)


def test_every_row_of_every_pass_is_reported(tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray) -> None:
    seen: list[int] = []
    fit_curvature(tiny, CURVATURES["ekfac"](BLOCKS), chunks(tiny_rows, 10), 0, seen.append)
    assert seen == [10, 10, 4] * 2


def test_identity_looks_at_no_row(tiny: GPTNeoXForCausalLM) -> None:
    def none() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        raise AssertionError("identity needs no rows")

    curvature = fitted(tiny, "identity", none)
    gradient = torch.randn(16, 16)
    assert torch.equal(curvature.solve(BLOCKS[0], gradient), gradient)


def test_capture_refuses_a_model_that_is_not_frozen(tiny: GPTNeoXForCausalLM) -> None:
    tiny.gpt_neox.layers[0].mlp.dense_4h_to_h.bias.requires_grad_(True)
    with pytest.raises(ValueError, match="frozen"):
        Capture(tiny, BLOCKS)


def test_capture_leaves_no_hook_and_changes_no_output(tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray) -> None:
    ids = torch.from_numpy(tiny_rows[:3, :-1])
    before = tiny(ids).logits
    with suppress(RuntimeError), Capture(tiny, BLOCKS):
        assert torch.equal(tiny(ids).logits, before)
        raise RuntimeError
    after = tiny(ids).logits
    assert torch.equal(after, before)
    assert not after.requires_grad
    for module in tiny.modules():
        assert not module._forward_hooks


def test_gradients_from_sides(tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray) -> None:
    """Rows add up to the batch, and an output that skips a layer has zero gradients there."""
    ids = torch.from_numpy(tiny_rows[:5, :-1])
    with Capture(tiny, BLOCKS) as capture:
        hidden = tiny.gpt_neox(ids).last_hidden_state
        _, gradient = loss_gradient(tiny, hidden, targets=torch.from_numpy(tiny_rows[:5, 1:]))
        sides = capture.sides(hidden, gradient)
        below = tiny.gpt_neox(ids, output_hidden_states=True).hidden_states[1].sum()
        low = capture.sides(below)
    for block in BLOCKS:
        torch.testing.assert_close(row_gradients(block, sides).sum(0), block_gradient(block, sides))
        assert block_gradient(block, sides).any()
        assert bool(low[block.output].any()) == (block.head.layer == 0)


def probe_sequences() -> list[RepeatedBatch]:
    return repeated_batches(range(1, 13), start=0, periods=(4, 6), sequences=12, seed=1)


@pytest.mark.parametrize("name", CURVATURES)
def test_an_answer_is_the_mean_of_its_halves(tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray, name: str) -> None:
    question = Question("prefix_matching", HEADS, HEADS, "qkvo", name, 0)
    assert question.own
    found = answer(tiny, question, probe_sequences(), chunks(tiny_rows, 8))
    # an attention probe can depend on the head's own QK, and on nothing else of the head
    assert set(found.main) == {Block(head, "qk") for head in HEADS}
    assert 0 < found.probe_value < 1
    first, second = found.probe_halves
    for block, direction in found.main.items():
        torch.testing.assert_close(direction, (first[block] + second[block]) / 2)
        assert not torch.equal(first[block], second[block])
        assert torch.equal(found.other_labels[block], direction) == (name == "identity")


def test_a_question_through_other_heads(tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray) -> None:
    """The same head's QK carries the same direction whether asked alone or among all heads."""
    every = tuple(Geometry.of(tiny.config).all_heads())
    one = Question("prefix_matching", (Head(1, 0),), (Head(1, 0),), "qkvo", "ekfac", 0)
    wide = Question("prefix_matching", (Head(1, 0),), every, "qkvo", "ekfac", 0)
    assert not wide.own
    alone, among = (answer(tiny, q, probe_sequences(), chunks(tiny_rows, 8)) for q in (one, wide))
    assert among.probe_value == pytest.approx(alone.probe_value)
    assert {b.head.layer for b in among.main} == {0, 1}
    own = Block(Head(1, 0), "qk")
    torch.testing.assert_close(among.main[own], alone.main[own], rtol=1e-3, atol=1e-5)


def test_a_probe_that_depends_on_nothing_asked_for_gives_an_empty_answer(
    tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray
) -> None:
    """A head of layer 0 cannot be built through layer 1."""
    question = Question("previous_token", (Head(0, 0),), (Head(1, 0),), "qkvo", "ekfac", 0)
    found = answer(tiny, question, probe_sequences(), chunks(tiny_rows, 8))
    assert found.main == found.other_labels == {}
    assert found.probe_value > 0


def test_the_fit_sample_is_a_seeded_subset() -> None:
    rows = np.arange(500, 700)
    sample = fit_sample(rows, 50, seed=0)
    assert len(np.unique(sample)) == 50
    assert set(sample) <= set(rows)
    assert (np.diff(sample) > 0).all()
    assert np.array_equal(sample, fit_sample(rows, 50, seed=0))
    assert not np.array_equal(sample, fit_sample(rows, 50, seed=1))
    assert np.array_equal(fit_sample(rows, 1000, seed=0), rows)


@pytest.mark.parametrize("name", ["ekfac", "kfac", "diagonal", "exact", "identity"])
def test_an_answer_is_taken_up_from_any_state(tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray, name: str) -> None:
    """Every state that was offered leads to the very same answer, whatever of the fit was still to be done."""
    question = Question("prefix_matching", HEADS, tuple(Geometry.of(tiny.config).all_heads()), "qkvo", name, 0)
    states: list[State] = []

    def again(begun: State | None, seen: list[int]) -> Answer:
        return answer(
            tiny, question, probe_sequences(), chunks(tiny_rows, 10), seen.append, begun=begun,
            keep=lambda state: states.append(copy.deepcopy(dict(state()))) if begun is None else None,
        )  # fmt: skip

    whole = again(None, [])
    assert len(states) == 1 + 3 * CURVATURES[name].passes
    for state in states:
        number, rows = done_of(state)
        seen: list[int] = []
        found = again(state, seen)
        assert sum(seen) == CURVATURES[name].passes * 24 - number * 24 - rows
        assert found.probe_value == whole.probe_value
        for one, other in zip(every_set(found), every_set(whole), strict=True):
            assert all(torch.equal(one[block], other[block]) for block in other)


def every_set(found: Answer) -> list[Directions]:
    return [found.main, *found.probe_halves, found.other_labels]


def test_two_fits_at_once_are_the_two_by_themselves(tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray) -> None:
    together = [CURVATURES["ekfac"](BLOCKS) for _ in range(2)]
    fit_together(tiny, together, [0, 5], chunks(tiny_rows, 10))
    for seed, both in zip([0, 5], together, strict=True):
        expected = solutions(tiny, fitted(tiny, "ekfac", chunks(tiny_rows, 10), seed))
        found = solutions(tiny, both)
        for block in BLOCKS:
            torch.testing.assert_close(found[block], expected[block], rtol=1e-5, atol=1e-6)
