"""How far two sets of scores of the same rows agree."""

import numpy as np


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of a [n] and b [n], in [-1, 1]; ties share their mean rank.

    NaN when it is not defined: fewer than two rows, a constant input, or a NaN among the scores. Raises
    ValueError for unequal lengths.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError("scores of the same rows expected")
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    from scipy.stats import spearmanr  # takes half a second, and pages only show what it gave

    return float(spearmanr(a, b).statistic)
