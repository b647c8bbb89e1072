"""Identity and diagonal curvature: the two plainest, for comparison."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mda.curvature.base import Curvature, damped, in_fp64
from mda.heads.blocks import Block, Side


class Identity(Curvature):
    """H = 1: influence is the plain inner product of gradients, without damping."""

    name = "identity"
    passes = 0

    def _observe(self, number: int, sides: Mapping[Side, torch.Tensor]) -> None:
        raise AssertionError("identity curvature observes nothing")

    def solve(self, block: Block, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.float()


class Diagonal(Curvature):
    """The diagonal of the Fisher: E_row[G^2], entry by entry."""

    name = "diagonal"
    passes = 1

    def _observe(self, number: int, sides: Mapping[Side, torch.Tensor]) -> None:
        for block in self.blocks:
            gradients = sides[block.input].transpose(1, 2) @ sides[block.output]
            self.add(block, gradients.square().sum(0))

    def solve(self, block: Block, gradient: torch.Tensor) -> torch.Tensor:
        values = damped(self.sums[block] / self.rows)
        return (in_fp64(gradient).to(values.device) / values).float().to(gradient.device)
