"""The Fisher of a model so small that all its label sequences can be enumerated, weighed and differentiated."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
import torch
from transformers import GPTNeoXForCausalLM

from mda.curvature.exact import Exact
from mda.curvature.kronecker import EKFAC
from mda.heads.blocks import Block, block_weight, blocks_of
from mda.heads.geometry import Geometry, Head
from mda.influence.capture import Capture
from mda.influence.directions import fit_curvature
from mda.influence.next_token import loss_gradient
from mda.training.recipe import new_model

VOCAB, LENGTH = 4, 3
INPUTS = torch.tensor([[0, 3, 1], [2, 2, 1], [1, 0, 3]])
LABELS = torch.tensor(list(product(range(VOCAB), repeat=LENGTH)))  # all 64 label sequences
BLOCKS = blocks_of([Head(0, 0), Head(1, 1)], "qkvo")


@pytest.fixture
def model(tiny: GPTNeoXForCausalLM) -> GPTNeoXForCausalLM:
    config = copy.deepcopy(tiny.config)
    config.update({"vocab_size": VOCAB, "hidden_size": 8, "intermediate_size": 16})
    return new_model(config, seed=1).eval().requires_grad_(False)


def label_probabilities(model: GPTNeoXForCausalLM) -> torch.Tensor:
    """P(labels | inputs) [64, 3 rows]: positions draw independently, each from what the model predicts there."""
    at_positions = model(INPUTS).logits.softmax(-1)  # [rows, T, V]
    return at_positions[:, torch.arange(LENGTH), LABELS].prod(-1).T


@pytest.fixture
def brute_force(model: GPTNeoXForCausalLM) -> dict[Block, torch.Tensor]:
    """E_row E_labels[vec(G) vec(G)^T] in fp64: one backward pass to the weights for each row and labels."""
    chances = label_probabilities(model).double()
    torch.testing.assert_close(chances.sum(0), torch.ones(3, dtype=torch.float64), rtol=1e-5, atol=0)
    twin = copy.deepcopy(model).requires_grad_(True)
    grads = copy.deepcopy(model)  # holds the gradients in place of the weights, so that blocks can be cut out
    sizes = Geometry.of(model.config)
    total = {block: torch.zeros((), dtype=torch.float64) for block in BLOCKS}
    for row, inputs in enumerate(INPUTS):
        for labels, chance in zip(LABELS, chances[:, row], strict=True):
            twin.zero_grad()
            logits = twin(inputs[None]).logits[0]
            torch.nn.functional.cross_entropy(logits, labels, reduction="sum").backward()
            for parameter, held in zip(twin.parameters(), grads.parameters(), strict=True):
                held.copy_(parameter.grad)
            for block in BLOCKS:
                gradient = block_weight(grads, block, sizes).double().flatten()
                total[block] = total[block] + chance / len(INPUTS) * torch.outer(gradient, gradient)
    return total


def enumerated(model: GPTNeoXForCausalLM, kind: type[Exact] | type[EKFAC]) -> Exact | EKFAC:
    """A curvature that observes every label sequence, its gradients scaled by sqrt(probability * count)."""
    curvature = kind(BLOCKS)
    chances = label_probabilities(model)
    with Capture(model, BLOCKS) as capture:
        for number in range(kind.passes):
            for labels, chance in zip(LABELS, chances, strict=True):
                hidden = model.gpt_neox(INPUTS).last_hidden_state
                _, gradient = loss_gradient(model, hidden, targets=labels.expand_as(INPUTS))
                scale = (chance * len(LABELS)).sqrt()[:, None, None]
                curvature.observe(number, capture.sides(hidden, gradient * scale))
            curvature.end_pass(number)
    return curvature


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


def test_exact_is_the_enumerated_fisher(model: GPTNeoXForCausalLM, brute_force: dict[Block, torch.Tensor]) -> None:
    exact = enumerated(model, Exact)
    for block in BLOCKS:
        assert distance(exact.fisher(block), brute_force[block]) < 1e-4


def test_ekfac_has_the_enumerated_fishers_diagonal_in_its_own_basis(
    model: GPTNeoXForCausalLM, brute_force: dict[Block, torch.Tensor]
) -> None:
    ekfac = enumerated(model, EKFAC)
    for block in BLOCKS:
        basis = torch.kron(ekfac.vectors[block.input], ekfac.vectors[block.output])
        expected = (basis.T @ brute_force[block] @ basis).diag()
        assert distance(ekfac.eigenvalues(block).flatten(), expected) < 1e-4


def test_sampled_labels_converge_to_the_enumerated_fisher(
    model: GPTNeoXForCausalLM, brute_force: dict[Block, torch.Tensor]
) -> None:
    """The error falls as one over the square root of the draws: 100 times as many, a tenth of it."""

    def error(draws: int) -> float:
        def chunks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            numbers = np.arange(3 * draws)
            tokens = np.tile(np.pad(INPUTS.numpy(), [(0, 0), (0, 1)]), (draws, 1))  # the target does not matter
            for start in range(0, len(numbers), 1000):
                yield numbers[start : start + 1000], tokens[start : start + 1000]

        exact = fit_curvature(model, Exact(BLOCKS), chunks, seed=0)
        assert isinstance(exact, Exact)
        return float(np.mean([distance(exact.fisher(block), brute_force[block]) for block in BLOCKS]))

    few, many = error(40), error(4000)
    assert many < 0.05
    assert 4 < few / many < 25
