"""`mda compare`: stored retrains against the baselines of the same schedule and replicate."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mda.errors import UserError
from mda.evidence.compare import Arm, compare_arms
from mda.studies.retrains import BASELINE, Retrain, find_retrain, list_retrains


def compare(ids: Sequence[str]) -> pd.DataFrame:
    """The comparison table of `evidence.compare.compare_arms` for retrains by id.

    Baselines may be named or not; those of the same study and schedule are found by themselves. Raises
    UserError where schedules differ or a baseline is missing, with the command that makes it.
    """
    found = [find_retrain(name) for name in dict.fromkeys(ids)]
    return compare_retrains(found)


def compare_retrains(found: Sequence[Retrain]) -> pd.DataFrame:
    """As `compare`, for opened retrains."""
    arms = [one for one in found if one.label != BASELINE]
    if not arms:
        raise UserError("There is nothing to compare: name at least one retrain that is not a baseline.")
    first = arms[0]
    for other in arms:
        if other.study != first.study or other.schedule != first.schedule:
            raise UserError(
                f"{other.id} and {first.id} do not share study, start, window and steps between looks, so their "
                "curves cannot be compared."
            )
    baselines = {
        one.replicate: one
        for one in list_retrains(first.study)
        if one.label == BASELINE and one.schedule == first.schedule
    }
    for arm in arms:
        if arm.replicate not in baselines:
            raise UserError(f"{arm.id} has no baseline yet; make it with `{baseline_command(arm)}`.")
    needed = sorted({arm.replicate for arm in arms})
    return compare_arms([_arm(baselines[number]) for number in needed], [_arm(arm) for arm in arms])


def baseline_command(arm: Retrain) -> str:
    """The command that makes an arm's baseline."""
    _, start, to, until, every = arm.schedule
    beyond = f" --until {until}" if until != to else ""
    return (
        f"mda retrain {arm.study} --from {start} --to {to}{beyond} --action baseline "
        f"--replicate {arm.replicate} --every {every}"
    )


def _arm(one: Retrain) -> Arm:
    label = one.label if one.attribution is None else f"{one.label} ({one.attribution.rpartition('-')[2]})"
    return Arm(label, one.replicate, one.metrics())
