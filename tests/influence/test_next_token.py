"""The closed-form gradient of the next-token loss, and labels drawn from the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from transformers import GPTNeoXForCausalLM

from mda.heads import model_scores
from mda.influence.next_token import drawn_gradients, loss_gradient, row_uniforms

VOCAB, D = 13, 16


@pytest.fixture(params=[1, VOCAB, 4 * VOCAB + 5, 2**24], ids=lambda size: f"chunk{size}")
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Logits held at once: one position, one again, four of thirty, all."""
    monkeypatch.setattr(model_scores, "CHUNK_LOGITS", request.param)
    return request.param


def hidden_states(count: int, length: int) -> torch.Tensor:
    return torch.randn(count, length, D, generator=torch.Generator().manual_seed(0))


def test_gradient_equals_autograd_of_cross_entropy(tiny: GPTNeoXForCausalLM, chunk: int) -> None:
    hidden = hidden_states(3, 10)
    targets = torch.from_numpy(np.random.default_rng(0).integers(0, VOCAB, (3, 10)))
    losses, gradient = loss_gradient(tiny, hidden, targets=targets)
    leaf = hidden.clone().requires_grad_(True)
    logits = tiny.get_output_embeddings()(leaf)
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    torch.testing.assert_close(losses, expected.detach().view(3, 10), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected.sum(), leaf)[0], rtol=1e-5, atol=1e-6)


def labels_of(model: GPTNeoXForCausalLM, hidden: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """The labels drawn at these uniforms."""
    return drawn_gradients(model, hidden, [uniforms])[0][0]


def test_gradients_of_drawn_labels_are_those_of_given_labels(tiny: GPTNeoXForCausalLM, chunk: int) -> None:
    hidden, draws = hidden_states(3, 10), [row_uniforms(seed, np.arange(3), 10, 0) for seed in (0, 1)]
    labels, gradients = drawn_gradients(tiny, hidden, draws)
    assert not torch.equal(*labels)
    for drawn, gradient, uniforms in zip(labels, gradients, draws, strict=True):
        assert len(drawn.unique()) > 3
        torch.testing.assert_close(gradient, loss_gradient(tiny, hidden, drawn)[1], rtol=1e-4, atol=1e-6)
        assert torch.equal(labels_of(tiny, hidden, uniforms), drawn)  # whatever else is drawn with them


def test_labels_follow_the_models_distribution(tiny: GPTNeoXForCausalLM) -> None:
    state = hidden_states(1, 1)
    p = tiny.get_output_embeddings()(state)[0, 0].double().softmax(-1).numpy()
    draws = 20_000
    # evenly spaced uniforms: every count is the expected one, but for the cut at each of its two ends
    even = (torch.arange(draws) + 0.5) / draws
    counts = labels_of(tiny, state.expand(1, draws, D), even[None]).flatten().bincount(minlength=VOCAB).numpy()
    assert np.abs(counts - draws * p).max() <= 1.1
    # the uniforms that fits use
    uniforms = row_uniforms(7, np.arange(200), draws // 200, 0)
    counts = labels_of(tiny, state.expand(200, draws // 200, D), uniforms).flatten().bincount(minlength=VOCAB)
    assert chisquare(counts.numpy(), draws * p).pvalue > 1e-3


def test_the_ends_of_the_unit_interval_give_tokens(tiny: GPTNeoXForCausalLM) -> None:
    hidden = 30 * hidden_states(1, 50)  # peaked: most tokens have probability 0 in fp32
    for end in (0.0, 1 - 2**-24):
        (labels,), (gradient,) = drawn_gradients(tiny, hidden, [torch.full((1, 50), end)])
        assert ((labels >= 0) & (labels < VOCAB)).all()
        assert gradient.isfinite().all()


@given(
    seed=st.integers(0, 2**31),
    rows=st.lists(st.integers(0, 2**40), min_size=1, max_size=6, unique=True),
    draw=st.integers(0, 1),
)
def test_uniforms_belong_to_the_row_and_not_to_its_batch(seed: int, rows: list[int], draw: int) -> None:
    together = row_uniforms(seed, np.array(rows), 9, draw)
    assert together.shape == (len(rows), 9)
    assert ((together >= 0) & (together < 1)).all()
    for row, uniforms in zip(rows, together, strict=True):
        assert torch.equal(row_uniforms(seed, np.array([row]), 9, draw)[0], uniforms)
        assert torch.equal(row_uniforms(seed, np.array([row]), 5, draw)[0], uniforms[:5])
    for other in (
        row_uniforms(seed + 1, np.array(rows), 9, draw),
        row_uniforms(seed, np.array(rows), 9, 1 - draw),
        row_uniforms(seed, np.array(rows) + 1, 9, draw),
    ):
        assert not torch.equal(other, together)


def test_labels_do_not_depend_on_batch_or_chunk(tiny: GPTNeoXForCausalLM, chunk: int) -> None:
    hidden, rows = hidden_states(6, 5), np.array([3, 11, 4, 99, 0, 7])
    order = np.array([4, 1, 5, 0, 3, 2])
    whole = labels_of(tiny, hidden, row_uniforms(0, rows, 5, 0))
    shuffled = labels_of(tiny, hidden[order], row_uniforms(0, rows[order], 5, 0))
    assert torch.equal(shuffled, whole[order])
    for i in range(6):
        one = labels_of(tiny, hidden[i : i + 1], row_uniforms(0, rows[i : i + 1], 5, 0))
        assert torch.equal(one[0], whole[i])
