"""The seam behind which curvatures differ: observe fit rows in a few passes, then solve (H + damping) X = V.

H is the Fisher of a row's summed loss, per block: E_row[vec(G) vec(G)^T] with G = sum_t x_t g_t^T from labels
sampled from the model. All approximations use the same damping, so that they differ in curvature alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch

from mda.heads.blocks import Block, Side

Key = Block | Side

DAMPING_SHARE = 0.1
SMALLEST_DENOMINATOR = 1e-5
WITHOUT_FP64 = ("mps",)  # Apple's GPUs


def damped(eigenvalues: torch.Tensor) -> torch.Tensor:
    """max(lambda + 0.1 * mean(lambda), 1e-5), as in the released code of Chen et al. 2026."""
    return (eigenvalues + DAMPING_SHARE * eigenvalues.mean()).clamp(min=SMALLEST_DENOMINATOR)


def in_fp64(value: torch.Tensor) -> torch.Tensor:
    """The tensor in fp64: on its device, or on the CPU where that has none."""
    return value.cpu().double() if value.device.type in WITHOUT_FP64 else value.double()


class Curvature(ABC):
    """Curvature of some blocks, fitted on rows.

    Use: for each pass 0 … passes - 1, `observe` every batch of sides, then `end_pass`; then `solve`.
    """

    name: ClassVar[str]
    passes: ClassVar[int]

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = list(blocks)
        self.rows = 0
        self.tokens = 0
        self.sums: dict[Key, torch.Tensor] = {}

    def observe(self, number: int, sides: Mapping[Side, torch.Tensor]) -> None:
        """Take in a batch of sides [B, T, n] in pass `number`."""
        if number == 0:
            some = sides[self.blocks[0].input]
            self.rows += some.shape[0]
            self.tokens += some.shape[0] * some.shape[1]
        self._observe(number, sides)

    @abstractmethod
    def _observe(self, number: int, sides: Mapping[Side, torch.Tensor]) -> None: ...

    def end_pass(self, number: int) -> None:  # noqa: B027 (a curvature without passes has nothing to end)
        """Called once after the last batch of pass `number`."""

    def add(self, key: Key, value: torch.Tensor) -> None:
        """Add to the running sum of a block or side, in fp64 because thousands of batches go in."""
        value = in_fp64(value)
        self.sums[key] = self.sums[key].to(value.device) + value if key in self.sums else value

    def state(self) -> dict[str, torch.Tensor]:
        """What was observed so far, by name: enough to go on from."""
        return {"counts": torch.tensor([self.rows, self.tokens]), **{str(k): v for k, v in self.sums.items()}}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from a `state` of the same curvature of the same blocks, taken in any pass."""
        self.rows, self.tokens = map(int, state["counts"])
        keys = {key for block in self.blocks for key in (block, block.input, block.output)}
        self.sums = {key: state[str(key)] for key in keys if str(key) in state}

    @abstractmethod
    def solve(self, block: Block, gradient: torch.Tensor) -> torch.Tensor:
        """(H + damping)^-1 applied to a gradient [inputs, outputs] of the block; same shape and device, fp32."""
