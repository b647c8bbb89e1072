"""Which rows of a training window an arm changes: by score, by a control, or by name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from mda.errors import UserError
from mda.interventions.controls import Control, matched_kind, matched_repetition, random_control
from mda.interventions.selection import select_bottom, select_rows, select_top
from mda.studies.attributions import open_attribution
from mda.studies.study import Study


def chosen_rows(
    study: Study,
    window: np.ndarray,
    select: str,
    fraction: float | None,
    attribution: str | None,
    rows: tuple[int, ...] | None,
    replicate: int,
) -> tuple[np.ndarray, dict[str, float]]:
    """Positions in the window (rows `window`, ascending) that an arm changes, and how well a control matches.

    Controls are drawn anew for every replicate, with respect to the attribution's top rows. Raises UserError
    for a selection that lacks what it needs: an attribution that covers the window, a fraction, rows, kinds.
    """
    if select == "rows":
        if not rows:
            raise UserError("--select rows needs the rows: give --rows 12,40,100:120.")
        if (fraction, attribution) != (None, None):
            raise UserError("--select rows takes the rows from --rows: leave --fraction and --attribution out.")
        return select_rows(rows, len(window), int(window[0])), {}
    if rows is not None:
        raise UserError(f"--select {select} chooses the rows by itself: leave --rows out, or use --select rows.")
    if fraction is None:
        raise UserError(f"--select {select} needs --fraction, a share of the window's rows such as 0.1.")
    if select == "random" and attribution is None:
        top = select_top(np.zeros(len(window)), fraction)  # only its size and its steps matter
        spread = np.sort(np.random.default_rng([replicate, 1]).choice(len(window), len(top), replace=False))
        return spread, {}
    if attribution is None:
        raise UserError(f"--select {select} needs --attribution, the scores that choose the rows.")
    scores = window_scores(study, window, attribution)
    if select == "bottom":
        return select_bottom(scores, fraction), {}
    top = select_top(scores, fraction)
    if select == "top":
        return top, {}
    control = _control(study, window, select, top, replicate)
    return control.rows, {key: value for key, value in asdict(control).items() if key != "rows"}


def window_scores(study: Study, window: np.ndarray, attribution: str) -> np.ndarray:
    """Scores [n] of the window's rows. Raises UserError where the attribution does not cover them all."""
    found = open_attribution(study.name, attribution)
    if not found.covers(window).all():
        start, stop = found.rows
        size = study.facts.batch_size
        raise UserError(
            f"Attribution {found.id} scored {found.choice.words}, and the window is {len(window)} rows of "
            f"{window[0]}:{window[-1] + 1}; "
            f"choose a window inside steps {-(-start // size)} to {stop // size}, or attribute more rows."
        )
    return found.scores_of(window)


def _control(study: Study, window: np.ndarray, select: str, top: np.ndarray, replicate: int) -> Control:
    steps = study.step_of(window)
    source = np.random.default_rng([replicate, 2])
    if select == "random":
        return random_control(top, steps, source)
    kinds: Any = study.kind_codes(window)
    if select == "matched-kind":
        return matched_kind(top, steps, kinds, source)
    return matched_repetition(top, steps, kinds, study.shares(window), source)
