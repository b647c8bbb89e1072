"""`mda compare`: stored retrains against the baselines of the same schedule and replicate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from mda.errors import UserError
from mda.evidence.compare import COMPARED_SCORES, Arm, compare_arms, compare_runs
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
                f"{other.id} and {first.id} do not share study, start, window, steps between looks, rows a step "
                "and learning rate, so their curves cannot be compared."
            )
    baselines = baselines_of(first, list_retrains(first.study))
    for arm in arms:
        if arm.replicate not in baselines:
            raise UserError(f"{arm.id} has no baseline yet; make it with `{baseline_command(arm)}`.")
    needed = sorted({arm.replicate for arm in arms})
    return compare_arms(
        [_arm(baselines[number], _label) for number in needed], [_arm(arm, _label) for arm in arms]
    )


def compare_schedules(
    arms: Sequence[Retrain], available: Sequence[Retrain], name: Callable[[Retrain], str]
) -> tuple[pd.DataFrame, list[Retrain]]:
    """The lines of `evidence.compare.compare_runs` for arms of any schedules, each against its own baselines.

    available: where the baselines are. name: what an arm is called, the same for its replicates and for no other
    arm. Returns the lines in the order of `compare_runs`, and the arms that were left out because their baseline
    is missing.
    """
    tables, lacking = [], []
    for schedule in dict.fromkeys(one.schedule for one in arms):
        mine = [one for one in arms if one.schedule == schedule]
        baselines = baselines_of(mine[0], available)
        paired = [one for one in mine if one.replicate in baselines]
        lacking += [one for one in mine if one.replicate not in baselines]
        if paired:
            needed = sorted({one.replicate for one in paired})
            runs = [_arm(one, name) for one in paired]
            tables.append(compare_runs([_arm(baselines[number], name) for number in needed], runs))
    if not tables:
        return pd.DataFrame(), lacking
    whole = pd.concat(tables, ignore_index=True)
    order = [COMPARED_SCORES.index(score) for score in whole["score"]]
    whole = whole.assign(order=order, alone=~whole["head"].str.contains("+", regex=False))
    whole = whole.sort_values(["order", "alone", "head"], kind="stable", ignore_index=True)
    return whole.drop(columns=["order", "alone"]), lacking


def baselines_of(arm: Retrain, available: Sequence[Retrain]) -> dict[int, Retrain]:
    """The baselines that an arm can be held against, by replicate."""
    return {one.replicate: one for one in available if one.label == BASELINE and one.schedule == arm.schedule}


def baseline_command(arm: Retrain) -> str:
    """The command that makes an arm's baseline."""
    _, start, to, until, every, rows, rate = arm.schedule
    beyond = f" --until {until}" if until != to else ""
    fewer = f" --rows-per-step {rows}" if rows else ""
    other = f" --learning-rate {rate}" if rate else ""
    return (
        f"mda retrain {arm.study} --from {start} --to {to}{beyond} --action baseline "
        f"--replicate {arm.replicate} --every {every}{fewer}{other}"
    )


def _arm(one: Retrain, name: Callable[[Retrain], str]) -> Arm:
    return Arm(name(one), one.replicate, one.metrics())


def _label(one: Retrain) -> str:
    """What the arm did, and of arms that did the same, by what its rows were chosen."""
    chosen_by = one.named_rows[:8] if one.named_rows else (one.attribution or "").rpartition("-")[2]
    return f"{one.label} ({chosen_by})" if chosen_by else one.label
