"""Controls of a selection: as many other rows, from the same part of training, chosen without the score.

Three, of rising strength. `random_control` asks whether the score says more than "some rows were touched
then"; `matched_kind` whether it says more than the kind of text; `matched_repetition` whether it says more
than the kind of text and its repetition. A score that beats only the first has found no more than a kind of
text.
"""

from dataclasses import dataclass

import numpy as np

from mda.errors import UserError

STEP_BINS = 20
"""Equal bins of steps within which rows are exchanged. A single step has too few rows (32 in the demo) to
hold a partner of the same kind for every selected row; a twentieth of the window has hundreds, and is still
short beside the time a head takes to form. A window of fewer steps has one bin a step."""


@dataclass(frozen=True)
class Control:
    """A control and how well it matches its selection; each selected row has one partner in the control.

    rows: positions in the window, ascending, int64, as many as selected and none of them selected. relaxed:
    partners found only outside their row's own cell (its step bin; with kinds, its step bin and kind).
    other_kind: those among them whose kind differs too, because the kind had no row left. step_gap: mean
    |difference| in step between a row and its partner. share_gap: the same for the repeated share; NaN when
    the share was not matched.
    """

    rows: np.ndarray
    relaxed: int
    other_kind: int
    step_gap: float
    share_gap: float


def random_control(selection: np.ndarray, steps: np.ndarray, rng: np.random.Generator) -> Control:
    """Rows drawn at random, as many in every step bin as the selection has.

    selection: positions; steps: training step of every row of the window, int [n]. A bin with too few rows
    outside the selection borrows from the nearest bins, which counts as relaxed. Raises UserError when more
    than half of the window is selected, ValueError for positions outside it or repeated.
    """
    return _match(selection, steps, None, None, rng)


def matched_kind(
    selection: np.ndarray, steps: np.ndarray, kinds: np.ndarray | None, rng: np.random.Generator
) -> Control:
    """Rows drawn at random, as many of every kind in every step bin as the selection has.

    kinds: kind of every row of the window, strings or integers [n]. A cell with too few rows borrows from the
    nearest bins of the same kind, and from other kinds only when the kind has no row left at all, nearest
    bins first. Raises UserError as `random_control`, and when the study has no kinds.
    """
    return _match(selection, steps, _needed(kinds, "matched-kind"), None, rng)


def matched_repetition(
    selection: np.ndarray,
    steps: np.ndarray,
    kinds: np.ndarray | None,
    shares: np.ndarray,
    rng: np.random.Generator,
) -> Control:
    """Rows of the same kind, step bin and, as nearly as possible, repeated share
    (`mda.spans.repeated_shares`).

    shares: float [n] in [0, 1]. Within a cell the partners are the one-to-one assignment of the least total
    |difference| in share, `rng` deciding among equals. Borrows and raises as `matched_kind`.
    """
    return _match(selection, steps, _needed(kinds, "matched-repetition"), np.asarray(shares, np.float64), rng)


def step_bins(steps: np.ndarray) -> np.ndarray:
    """Bin of every row, 0 to STEP_BINS - 1, int64 [n]; all bins are equally many steps wide."""
    steps = np.asarray(steps, dtype=np.int64)
    first = steps.min()
    return (steps - first) * STEP_BINS // (steps.max() - first + 1)


def _needed(kinds: np.ndarray | None, control: str) -> np.ndarray:
    if kinds is None:
        raise UserError(
            f"the control {control} needs the kind of every row, and this study has no kinds; "
            "choose the random control, or a study whose corpus names kinds"
        )
    return np.asarray(kinds)


def _checked(selection: np.ndarray, n: int) -> np.ndarray:
    rows = np.unique(np.asarray(selection))
    if rows.size == 0 or rows.size != np.size(selection) or rows[0] < 0 or rows[-1] >= n:
        raise ValueError(f"a selection is made of distinct positions from 0 to {n - 1}, at least one")
    if 2 * rows.size > n:
        raise UserError(
            f"{rows.size} of {n} rows are selected, which leaves too few for a control of the same size; "
            "select at most half of the window"
        )
    return rows.astype(np.int64)


def _match(
    selection: np.ndarray,
    steps: np.ndarray,
    kinds: np.ndarray | None,
    shares: np.ndarray | None,
    rng: np.random.Generator,
) -> Control:
    """One partner for every selected row, from ever wider neighbourhoods.

    Own kind first, own bin first (which is the row's own cell), then bins at distance 1, 2, ...; other kinds
    last. Every row is served at one width before any row goes wider, so nobody borrows what a neighbour needs
    itself.
    """
    steps = np.asarray(steps, dtype=np.int64)
    n = len(steps)
    if (kinds is not None and len(kinds) != n) or (shares is not None and len(shares) != n):
        raise ValueError("steps, kinds and shares describe the same rows")
    open_rows = _checked(selection, n)
    bins = step_bins(steps)
    codes = np.zeros(n, np.int64) if kinds is None else np.unique(kinds, return_inverse=True)[1]
    cells = codes * STEP_BINS + bins
    free = np.ones(n, dtype=bool)
    free[open_rows] = False
    partner = np.full(n, -1, dtype=np.int64)
    for same_kind, distance in [(same, d) for same in (True, False) for d in range(STEP_BINS)]:
        for cell in np.unique(cells[open_rows]):
            near = free & (np.abs(bins - cell % STEP_BINS) == distance)
            if same_kind:
                near &= codes == cell // STEP_BINS
            wanting = open_rows[cells[open_rows] == cell]
            rows, partners = _pair(wanting, rng.permutation(np.flatnonzero(near)), shares)
            partner[rows] = partners
            free[partners] = False
        open_rows = open_rows[partner[open_rows] < 0]
        if open_rows.size == 0:
            break
    rows = np.flatnonzero(partner >= 0)
    partners = partner[rows]
    return Control(
        rows=np.sort(partners),
        relaxed=int(np.count_nonzero(cells[rows] != cells[partners])),
        other_kind=int(np.count_nonzero(codes[rows] != codes[partners])),
        step_gap=float(np.abs(steps[rows] - steps[partners]).mean()),
        share_gap=float("nan") if shares is None else float(np.abs(shares[rows] - shares[partners]).mean()),
    )


def _pair(rows: np.ndarray, candidates: np.ndarray, shares: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """As many pairs (row, candidate) as the shorter list allows; candidates come in random order."""
    if shares is None:
        count = min(len(rows), len(candidates))
        return rows[:count], candidates[:count]
    from scipy.optimize import linear_sum_assignment  # takes half a second, and few commands need it

    left, right = linear_sum_assignment(np.abs(shares[rows, None] - shares[None, candidates]))
    return rows[left], candidates[right]
