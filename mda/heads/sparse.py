"""Attention patterns made small: the strongest keys of each query, and weights in one byte."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = 255
ROUNDING = 0.5 / LEVELS  # the most that a weight in one byte is off by


@dataclass(frozen=True)
class Strongest:
    """The k strongest keys of each query of one pattern, strongest first.

    keys: [T, k], -1 where a query has fewer than k keys with any weight. weights: [T, k], 0 there. share: [T], how
    much of each query's attention these keys hold, in [0, 1].
    """

    keys: np.ndarray
    weights: np.ndarray
    share: np.ndarray


def strongest_keys(pattern: np.ndarray, k: int) -> Strongest:
    """The min(k, T) strongest keys of each query of an attention pattern [T, T] (float32, not negative).

    Of equal weights the earlier key comes first.
    """
    size = len(pattern)
    k = min(k, size)
    # Bit patterns of floats that are not negative have the order of the floats. With the key below them, earlier
    # ones higher, whole numbers are left to sort, no two of them equal.
    weights = np.ascontiguousarray(pattern, dtype=np.float32).view(np.int32).astype(np.int64)
    ordered = (weights << 32) | (size - 1 - np.arange(size))
    top = -np.sort(-np.partition(ordered, size - k, axis=1)[:, size - k :], axis=1)
    found = (top >> 32).astype(np.int32).view(np.float32)
    keys = np.where(found > 0, size - 1 - (top & 0xFFFF_FFFF), -1)
    share = found.sum(1, dtype=np.float64) / pattern.sum(1, dtype=np.float64)
    return Strongest(keys, found, np.minimum(share, 1.0))


def in_bytes(weights: np.ndarray) -> np.ndarray:
    """Weights in [0, 1] as uint8, 255 being 1. A weight w comes back as byte / 255, off by at most `ROUNDING`."""
    return np.rint(np.asarray(weights) * LEVELS).astype(np.uint8)


def triangle_in_bytes(pattern: np.ndarray) -> np.ndarray:
    """The lower triangle of a causal pattern [T, T] as uint8 [T (T + 1) / 2]: query 0, query 1, …, each with its
    own and all earlier keys."""
    return in_bytes(pattern[np.tril_indices(len(pattern))])
