"""Which processor the models run on."""

from __future__ import annotations

import torch


def best_device() -> torch.device:
    """The first that there is of a CUDA GPU, Apple's GPU and the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
