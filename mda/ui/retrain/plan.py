"""What an experiment consists of: its window of steps, and its arms in the order in which they are trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mda.errors import UserError
from mda.studies.attributions import Attribution
from mda.studies.retrains import BASELINE
from mda.studies.study import Study
from mda.workflows.registry import checked
from mda.workflows.retrain import RetrainRequest

SELECTIONS = {
    "top": "the rows that promote most",
    "bottom": "the rows that suppress most",
    "random": "as many rows at random",
    "matched-kind": "as many of the same kinds of text",
    "matched-repetition": "as many of the same kinds and repetition",
}
NEED_KINDS = ("matched-kind", "matched-repetition")
LOOKS = 20  # looks at all heads in one arm, about


@dataclass(frozen=True)
class Schedule:
    """Rows are changed in steps [start, stop); training goes on to `until`."""

    start: int
    stop: int
    until: int


def last_step(study: Study) -> int:
    """The last step that has training rows."""
    seen = study.facts.held_out[0] or study.facts.rows
    return seen // study.facts.batch_size


def start_steps(study: Study) -> list[int]:
    """Checkpoints that an arm can start from: those with training rows after them."""
    return [step for step in study.steps if step < last_step(study)]


def default_schedule(study: Study, attribution: Attribution) -> Schedule:
    """The steps of the attribution's rows, and half as long again to see what became of it."""
    size, last = study.facts.batch_size, last_step(study)
    first, stop = -(-attribution.rows[0] // size), min(last, attribution.rows[1] // size)
    inside = [step for step in start_steps(study) if first <= step < stop]
    start = inside[0] if inside else max((s for s in start_steps(study) if s <= first), default=0)
    stop = max(stop, start + 1)
    return Schedule(start, stop, min(last, stop + (stop - start) // 2))


def looks_every(schedule: Schedule) -> int:
    """Steps between two looks: a round number that gives about LOOKS of them."""
    wanted = max(1, (schedule.until - schedule.start) // LOOKS)
    return max(step for step in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000) if step <= wanted)


def plan_arms(
    study: str,
    attribution: str,
    action: str,
    selections: Sequence[str],
    fraction: float,
    schedule: Schedule,
    replicates: int,
    every: int,
) -> list[RetrainRequest]:
    """The arms, baseline first in each replicate, so that what is there can be compared as soon as possible.

    Raises UserError where nothing is selected or the schedule does not ascend.
    """
    if not selections:
        raise UserError("Choose at least one selection of rows.")
    if not schedule.start < schedule.stop <= schedule.until:
        raise UserError(
            f"The window runs from step {schedule.start} to {schedule.stop} and training until {schedule.until}; "
            "each must come after the one before."
        )
    shared: dict[str, Any] = {
        "study": study,
        "from_step": schedule.start,
        "to_step": schedule.stop,
        "until": schedule.until,
        "every": every,
    }
    arms = []
    for replicate in range(replicates):
        arms.append(checked(RetrainRequest, {**shared, "action": BASELINE, "replicate": replicate}))
        for selection in selections:
            chosen = {"select": selection, "fraction": fraction, "attribution": attribution}
            arms.append(checked(RetrainRequest, {**shared, **chosen, "action": action, "replicate": replicate}))
    return arms
