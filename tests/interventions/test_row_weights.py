"""Row weights and the order of rows."""

import numpy as np
import pytest

from mda.errors import UserError
from mda.interventions.weights import row_weights, shuffled_order


def test_weights() -> None:
    removed = row_weights(5, np.array([1, 3]), "remove")
    assert removed.dtype == np.float32
    assert removed.tolist() == [1, 0, 1, 0, 1]
    assert row_weights(3, np.array([2]), "duplicate").tolist() == [1, 1, 2]
    assert row_weights(3, np.array([2]), "duplicate", copies=4).tolist() == [1, 1, 5]


def test_what_makes_no_intervention() -> None:
    with pytest.raises(UserError, match="unknown action 'drop'; choose one of remove, duplicate"):
        row_weights(3, np.array([0]), "drop")
    with pytest.raises(UserError, match="0 extra copies"):
        row_weights(3, np.array([0]), "duplicate", copies=0)
    with pytest.raises(UserError, match="nothing to train on"):
        row_weights(2, np.array([0, 1]), "remove")
    for wrong in (-1, 3):
        with pytest.raises(ValueError, match="0 to 2"):
            row_weights(3, np.array([wrong]), "remove")


def test_orders_are_permutations_paired_by_replicate() -> None:
    assert shuffled_order(6, 0).tolist() == [0, 1, 2, 3, 4, 5]
    orders = [shuffled_order(100, replicate) for replicate in range(4)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(100))
    assert len({tuple(order.tolist()) for order in orders}) == 4
    np.testing.assert_array_equal(shuffled_order(100, 2), orders[2])
    with pytest.raises(ValueError, match="from 0"):
        shuffled_order(4, -1)
