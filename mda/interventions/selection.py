"""Choosing rows of a training window by score or by name."""

import numpy as np
import numpy.typing as npt

from mda.errors import UserError


def select_top(scores: np.ndarray, fraction: float) -> np.ndarray:
    """Positions of the highest `fraction` of scores [n], ascending int64; ties go to the earlier row.

    The number of rows is `fraction * n` rounded, and at least one. Raises UserError for a fraction outside
    (0, 1] or scores that are empty or not finite.
    """
    return _select(-_checked(scores), fraction)


def select_bottom(scores: np.ndarray, fraction: float) -> np.ndarray:
    """Positions of the lowest `fraction` of scores; otherwise as `select_top`."""
    return _select(_checked(scores), fraction)


def select_rows(rows: npt.ArrayLike, window: np.ndarray) -> np.ndarray:
    """Positions, ascending int64, of explicitly named `rows` in a window of rows (their numbers, ascending).

    A row named twice counts once. Raises UserError when no row is named or one is not in the window.
    """
    named = np.unique(np.asarray(rows))
    if named.size == 0:
        raise UserError("no row was named; give at least one row number of the training window")
    if not np.issubdtype(named.dtype, np.integer):
        raise UserError("row numbers are whole numbers; give them as integers, for example 12,40")
    outside = named[~np.isin(named, window)]
    if outside.size:
        few = "" if len(window) > window[-1] - window[0] else f", of which it uses {len(window)}"
        raise UserError(
            f"row {outside[0]} lies outside the training window (rows {window[0]} to {window[-1]}{few}); "
            "name rows inside it or move the window"
        )
    return np.searchsorted(window, named).astype(np.int64)


def _checked(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1 or scores.size == 0:
        raise UserError("there are no scores to select from; compute the attribution for this window first")
    broken = int(np.count_nonzero(~np.isfinite(scores)))
    if broken:
        raise UserError(
            f"{broken} of {scores.size} scores are not finite numbers, so they cannot be ranked; "
            "compute the attribution again for this window"
        )
    return scores


def _select(keys: np.ndarray, fraction: float) -> np.ndarray:
    advice = "give a share between 0 and 1, for example 0.1"
    if not fraction > 0:  # so that NaN is refused too
        raise UserError(f"--fraction {fraction:g} selects nothing; {advice}")
    if fraction > 1:
        raise UserError(f"--fraction {fraction:g} is more than all rows; {advice}")
    count = max(1, round(fraction * len(keys)))
    return np.sort(np.argsort(keys, kind="stable")[:count]).astype(np.int64)
