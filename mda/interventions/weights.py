"""What a training loop needs of an intervention: a weight for every row, and the order of the rows."""

import numpy as np

from mda.errors import UserError
from mda.interventions import ACTIONS

_ORDER_SEED = 20260121  # any constant: the order must depend on the replicate and on nothing else


def row_weights(n: int, rows: np.ndarray, action: str, copies: int = 1) -> np.ndarray:
    """Weight of every row of a window of `n` rows, float32 [n]: 1 as is, 0 removed, 1 + copies duplicated.

    Rows keep their place, so batches, order and learning rate stay aligned between arms. rows: positions;
    copies: extra copies, read by "duplicate" only. Raises UserError for an unknown action, fewer than one
    copy, or a removal of every row; ValueError for positions outside the window.
    """
    rows = np.asarray(rows, dtype=np.int64)
    if rows.size and (rows.min() < 0 or rows.max() >= n):
        raise ValueError(f"positions run from 0 to {n - 1}")
    if action not in ACTIONS:
        raise UserError(f"unknown action '{action}'; choose one of {', '.join(ACTIONS)}")
    if action == "duplicate" and copies < 1:
        raise UserError(f"{copies} extra copies duplicate nothing; give at least 1")
    weights = np.ones(n, dtype=np.float32)
    weights[rows] = 0 if action == "remove" else 1 + copies
    if n and not weights.any():
        raise UserError("removing every row leaves nothing to train on; select fewer rows")
    return weights


def shuffled_order(n: int, replicate: int) -> np.ndarray:
    """Order in which a window of `n` rows is visited, int64 [n]: `order[i]` is the position of the i-th row
    visited.

    Replicate 0 is the window as it is; each k >= 1 is a permutation of its own, the same for every arm, so
    arms of one replicate differ in the intervention alone (paired). Raises ValueError for a negative
    replicate.
    """
    if replicate < 0:
        raise ValueError("replicates count from 0")
    if replicate == 0:
        return np.arange(n, dtype=np.int64)
    return np.random.default_rng([_ORDER_SEED, replicate]).permutation(n)
