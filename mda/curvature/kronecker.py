"""K-FAC and EK-FAC (George et al. 2018, arXiv 1806.03884; Grosse et al. 2023, arXiv 2308.03296).

Per block: A = E_token[x x^T], S = E_token[g g^T] with eigenvectors Q_A, Q_S. K-FAC takes as eigenvalues the
products of those of A and S, times the tokens of a row (the row's gradient is a sum over them). EK-FAC measures
them in that basis from per-row gradients: Lambda = E_row[(Q_A^T G Q_S)^2].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from mda.curvature.base import Curvature, damped, in_fp64
from mda.heads.blocks import Block, Side


class KFAC(Curvature):
    """Kronecker-factored curvature. Second moments are kept once for each side, however many blocks share it."""

    name = "kfac"
    passes = 1

    def __init__(self, blocks: Sequence[Block]) -> None:
        super().__init__(blocks)
        self.sides = {side for block in blocks for side in (block.input, block.output)}
        self.vectors: dict[Side, torch.Tensor] = {}
        self.values: dict[Side, torch.Tensor] = {}

    def _observe(self, number: int, sides: Mapping[Side, torch.Tensor]) -> None:
        for side in self.sides:
            flat = sides[side].flatten(0, 1)
            self.add(side, flat.T @ flat)

    def end_pass(self, number: int) -> None:
        if number == 0:
            for side in self.sides:
                values, vectors = torch.linalg.eigh(self.sums[side] / self.tokens)
                self.values[side], self.vectors[side] = values.clamp(min=0.0), vectors

    def eigenvalues(self, block: Block) -> torch.Tensor:
        """Eigenvalues [inputs, outputs] of H in the Kronecker basis, without damping."""
        per_token = torch.outer(self.values[block.input], self.values[block.output])
        return per_token * (self.tokens / self.rows)

    def solve(self, block: Block, gradient: torch.Tensor) -> torch.Tensor:
        left, right = self.vectors[block.input], self.vectors[block.output]
        rotated = left.T @ in_fp64(gradient).to(left.device) @ right
        return (left @ (rotated / damped(self.eigenvalues(block))) @ right.T).float().to(gradient.device)


class EKFAC(KFAC):
    """K-FAC's basis with eigenvalues measured on a second pass."""

    name = "ekfac"
    passes = 2

    def __init__(self, blocks: Sequence[Block]) -> None:
        super().__init__(blocks)
        self._bases: dict[Side, torch.Tensor] = {}

    def _observe(self, number: int, sides: Mapping[Side, torch.Tensor]) -> None:
        if number == 0:
            return super()._observe(number, sides)
        rotated = {side: sides[side] @ self._bases[side].to(sides[side].device) for side in self.sides}
        for block in self.blocks:
            gradients = rotated[block.input].transpose(1, 2) @ rotated[block.output]
            self.add(block, gradients.square().sum(0))
        return None

    def end_pass(self, number: int) -> None:
        super().end_pass(number)
        if number == 0:
            self._bases = {side: vectors.float() for side, vectors in self.vectors.items()}

    def eigenvalues(self, block: Block) -> torch.Tensor:
        return self.sums[block] / self.rows
