"""Which rows of a training window an arm changes: by score, by a control, or by name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from mda.errors import UserError
from mda.interventions.controls import Control, matched_kind, matched_repetition, random_control
from mda.interventions.selection import select_bottom, select_rows, select_top
from mda.studies.attributions import Attribution, open_attribution
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
        return select_rows(rows, window), {}
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
    """Scores [n] of the window's rows. Raises UserError where the attribution does not cover them all, with what
    to do."""
    found = open_attribution(study.name, attribution)
    lacking = int(np.count_nonzero(~found.covers(window)))
    if lacking:
        raise UserError(
            f"Attribution {found.id} scored {found.choice.words}, and the window is {len(window)} rows of "
            f"{window[0]}:{window[-1] + 1}, of which it lacks {lacking}; {_remedy(study, window, found)}."
        )
    return found.scores_of(window)


def _remedy(study: Study, window: np.ndarray, found: Attribution) -> str:
    """What makes attribution and window fit: another window, fewer rows a step, or another attribution."""
    size, (start, stop), known = study.facts.batch_size, found.rows, found.choice.per_step
    steps = study.step_of(window)
    used = int(np.count_nonzero(steps == steps[0]))
    inside = start <= window[0] and window[-1] < stop
    ways = []
    if not inside:
        ways.append(f"choose a window inside steps {-(-start // size)} to {stop // size}")
    elif known is not None and known < used:
        ways.append(f"train on fewer rows with --rows-per-step {known}")
    fewer = f" --rows-per-step {used}" if used < size else ""
    rows = f"{steps[0] * size}:{(steps[-1] + 1) * size}"
    return ", or ".join([*ways, f"make one with `mda attribute {study.name} --rows {rows}{fewer} …`"])


def _control(study: Study, window: np.ndarray, select: str, top: np.ndarray, replicate: int) -> Control:
    steps = study.step_of(window)
    source = np.random.default_rng([replicate, 2])
    if select == "random":
        return random_control(top, steps, source)
    kinds: Any = study.kind_codes(window)
    if select == "matched-kind":
        return matched_kind(top, steps, kinds, source)
    return matched_repetition(top, steps, kinds, study.shares(window), source)
