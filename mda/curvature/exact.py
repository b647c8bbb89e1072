"""The Fisher of a block as one dense matrix, for heads small enough: the yardstick of the approximations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from mda.curvature.base import Curvature, damped, in_fp64
from mda.errors import UserError
from mda.heads.blocks import Block, Side

# A block of n weights needs an n x n matrix in fp64 and its eigenvectors: 4096 weights are 134 MB each.
LARGEST_BLOCK = 4096


class Exact(Curvature):
    """H = E_row[vec(G) vec(G)^T] without approximation (but for sampling rows and labels), damped like the others.

    Raises UserError on a block of more than `LARGEST_BLOCK` weights.
    """

    name = "exact"
    passes = 1

    def __init__(self, blocks: Sequence[Block]) -> None:
        super().__init__(blocks)
        self._solvers: dict[Block, tuple[torch.Tensor, torch.Tensor]] = {}

    def _observe(self, number: int, sides: Mapping[Side, torch.Tensor]) -> None:
        for block in self.blocks:
            gradients = (sides[block.input].transpose(1, 2) @ sides[block.output]).flatten(1)
            if gradients.shape[1] > LARGEST_BLOCK:
                raise UserError(
                    f"Exact curvature of {block} would need a {gradients.shape[1]} x {gradients.shape[1]} matrix; "
                    f"the limit is {LARGEST_BLOCK} weights a block. Use --curvature ekfac."
                )
            self.add(block, gradients.T @ gradients)

    def end_pass(self, number: int) -> None:
        for block in self.blocks:
            values, vectors = torch.linalg.eigh(self.fisher(block))
            self._solvers[block] = values.clamp(min=0.0), vectors

    def fisher(self, block: Block) -> torch.Tensor:
        """The undamped Fisher [n, n] in fp64, n = inputs * outputs, row-major."""
        return self.sums[block] / self.rows

    def solve(self, block: Block, gradient: torch.Tensor) -> torch.Tensor:
        values, vectors = self._solvers[block]
        rotated = vectors.T @ in_fp64(gradient).to(vectors.device).flatten()
        return (vectors @ (rotated / damped(values))).view_as(gradient).float().to(gradient.device)
