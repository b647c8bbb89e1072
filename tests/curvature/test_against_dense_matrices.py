"""Every curvature against the dense matrix it stands for, on made-up sides of one layer's blocks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mda.curvature.base import DAMPING_SHARE, SMALLEST_DENOMINATOR, Curvature
from mda.curvature.exact import LARGEST_BLOCK
from mda.curvature.registry import CURVATURES, find_curvature
from mda.errors import UserError
from mda.heads.blocks import Block, Side, blocks_of
from mda.heads.geometry import Head

BLOCKS = blocks_of([Head(0, 0)], "qkvo")
WIDTHS = {"x": 6, "z": 3, "qk": 5, "v": 3, "o": 6}  # small, and no two blocks of one shape
FITTED = [name for name, kind in CURVATURES.items() if kind.passes]

Sides = dict[Side, torch.Tensor]


def made_up_sides(rows: int, length: int, seed: int = 0) -> Sides:
    """Correlated within a token, across tokens and between inputs and gradients: nothing is Kronecker."""
    source = torch.Generator().manual_seed(seed)
    sides = {}
    common = torch.randn(rows, length, 1, generator=source)
    for side in sorted({side for block in BLOCKS for side in (block.input, block.output)}):
        width = WIDTHS[side.what]
        mixing = torch.randn(width, width, generator=source)
        sides[side] = torch.randn(rows, length, width, generator=source) @ mixing * (1 + common.abs())
        sides[side] += torch.randn(rows, 1, width, generator=source)
    return sides


def fit(name: str, batches: Iterable[Sides], blocks: list[Block] = BLOCKS) -> Curvature:
    curvature, batches = find_curvature(name)(blocks), list(batches)
    for number in range(curvature.passes):
        for sides in batches:
            curvature.observe(number, sides)
        curvature.end_pass(number)
    return curvature


def fisher(block: Block, sides: Sides) -> torch.Tensor:
    """E_row[vec(G) vec(G)^T] in fp64, one row and one token at a time."""
    rows, length, _ = sides[block.input].shape
    total = torch.zeros(())
    for row in range(rows):
        x, g = sides[block.input][row].double(), sides[block.output][row].double()
        gradient = sum(torch.outer(x[t], g[t]) for t in range(length)).flatten()  # type: ignore[union-attr]
        total = total + torch.outer(gradient, gradient)
    return total / rows


def moment(side: torch.Tensor) -> torch.Tensor:
    flat = side.double().flatten(0, 1)
    return flat.T @ flat / len(flat)


def stands_for(name: str, block: Block, sides: Sides) -> torch.Tensor:
    """The dense undamped matrix [n, n], made without the code under test. Row-major: (A kron S) vec(G) = A G S."""
    whole, a, s = fisher(block, sides), moment(sides[block.input]), moment(sides[block.output])
    if name == "exact":
        return whole
    if name == "diagonal":
        return whole.diag().diag()
    if name == "kfac":
        return sides[block.input].shape[1] * torch.kron(a, s)
    basis = torch.kron(torch.linalg.eigh(a)[1], torch.linalg.eigh(s)[1])
    return basis @ (basis.T @ whole @ basis).diag().diag() @ basis.T  # EK-FAC: the Fisher's diagonal there


def damping(h: torch.Tensor) -> torch.Tensor:
    """0.1 times the mean eigenvalue, which is the trace over n."""
    return DAMPING_SHARE * h.trace() / len(h) * torch.eye(len(h))


@pytest.mark.parametrize("block", BLOCKS, ids=str)
@pytest.mark.parametrize("name", FITTED)
def test_solve_equals_the_dense_linear_system(name: str, block: Block) -> None:
    sides = made_up_sides(rows=40, length=4)
    curvature = fit(name, [sides])
    gradient = torch.randn(
        WIDTHS[block.input.what], WIDTHS[block.output.what], generator=torch.Generator().manual_seed(1)
    )
    h = stands_for(name, block, sides)
    expected = torch.linalg.solve(h + damping(h), gradient.double().flatten()).view_as(gradient)
    found = curvature.solve(block, gradient)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())


def test_the_dense_matrices_really_differ() -> None:
    """Otherwise the test above could not tell one curvature from another."""
    sides, block = made_up_sides(rows=40, length=4), BLOCKS[0]
    dense = {name: stands_for(name, block, sides) for name in FITTED}
    for one in FITTED:
        for other in FITTED:
            distance = (dense[one] - dense[other]).norm() / dense["exact"].norm()
            assert (distance > 0.05) == (one != other)


def test_ekfac_is_the_nearest_matrix_with_its_eigenvectors() -> None:
    """George et al. 2018, proposition 1: nearer to the Fisher than K-FAC, and no eigenvalue can be bettered."""
    sides = made_up_sides(rows=40, length=4)
    for block in BLOCKS:
        whole = fisher(block, sides)
        errors = {name: (stands_for(name, block, sides) - whole).norm() for name in ("ekfac", "kfac")}
        assert errors["ekfac"] < errors["kfac"]


def test_exact_keeps_the_undamped_fisher() -> None:
    sides = made_up_sides(rows=20, length=3)
    exact = fit("exact", [sides])
    for block in BLOCKS:
        expected = fisher(block, sides)
        torch.testing.assert_close(
            exact.fisher(block), expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item()
        )


@pytest.mark.parametrize("name", FITTED)
def test_where_the_fisher_is_kronecker_all_curvatures_but_the_diagonal_are_exact(name: str) -> None:
    """T = 1 and every x paired with every g: E[x x^T kron g g^T] = A kron S to the last digit."""
    source = torch.Generator().manual_seed(0)
    sides = {}
    for block in BLOCKS:
        for side, repeat in ((block.input, False), (block.output, True)):
            mixing = torch.randn(WIDTHS[side.what], WIDTHS[side.what], generator=source)
            pool = torch.randn(12, WIDTHS[side.what], generator=source) @ mixing
            sides[side] = (pool.repeat(12, 1) if repeat else pool.repeat_interleave(12, 0))[:, None]
    curvature = fit(name, [sides])
    for block in BLOCKS:
        gradient = torch.randn(WIDTHS[block.input.what], WIDTHS[block.output.what], generator=source)
        h = fisher(block, sides)
        expected = torch.linalg.solve(h + damping(h), gradient.double().flatten()).view_as(gradient)
        error = (curvature.solve(block, gradient) - expected).norm() / expected.norm()
        assert (error < 1e-3) == (name != "diagonal")


@pytest.mark.parametrize("name", FITTED)
def test_no_denominator_falls_below_the_floor(name: str) -> None:
    sides = {side: 1e-4 * value for side, value in made_up_sides(rows=20, length=3).items()}
    curvature = fit(name, [sides])
    for block in BLOCKS:
        gradient = torch.ones(WIDTHS[block.input.what], WIDTHS[block.output.what])
        torch.testing.assert_close(curvature.solve(block, gradient), gradient / SMALLEST_DENOMINATOR)


@settings(max_examples=10, deadline=None)
@given(cuts=st.sets(st.integers(1, 23), max_size=6), seed=st.integers(0, 99))
@pytest.mark.parametrize("name", FITTED)
def test_how_rows_are_split_into_batches_does_not_matter(name: str, cuts: set[int], seed: int) -> None:
    sides = made_up_sides(rows=24, length=3)
    order = np.random.default_rng(seed).permutation(24)
    edges = [0, *sorted(cuts), 24]
    batches = [
        {side: value[order[first:last]] for side, value in sides.items()} for first, last in pairwise(edges)
    ]
    whole, parts = fit(name, [sides]), fit(name, batches)
    assert (whole.rows, whole.tokens) == (parts.rows, parts.tokens) == (24, 72)
    for block in BLOCKS:
        gradient = torch.ones(WIDTHS[block.input.what], WIDTHS[block.output.what])
        expected = whole.solve(block, gradient)
        torch.testing.assert_close(
            parts.solve(block, gradient), expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item()
        )


def test_exact_refuses_blocks_that_are_too_large() -> None:
    block = Block(Head(0, 0), "qk")
    limit = {block.input: torch.ones(1, 1, 64), block.output: torch.ones(1, 1, LARGEST_BLOCK // 64)}
    find_curvature("exact")([block]).observe(0, limit)
    above = {**limit, block.input: torch.ones(1, 1, 65)}
    with pytest.raises(UserError, match=r"L0H0.qk would need a 4160 x 4160 matrix.*ekfac"):
        find_curvature("exact")([block]).observe(0, above)


def test_curvatures_by_name() -> None:
    assert {find_curvature(name).name for name in CURVATURES} == set(CURVATURES)
    assert set(CURVATURES) == {"ekfac", "kfac", "diagonal", "identity", "exact"}
    with pytest.raises(UserError, match="choose one of ekfac"):
        find_curvature("newton")
