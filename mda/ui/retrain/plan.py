"""What an experiment consists of: its window of steps, and its arms in the order in which they are trained."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mda.errors import UserError
from mda.store.identity import array_digest, identity
from mda.studies.retrains import BASELINE, Retrain
from mda.studies.row_choice import RowChoice
from mda.studies.study import Study
from mda.workflows.registry import checked
from mda.workflows.retrain_task import RetrainRequest

SELECTIONS = {
    "top": "the rows that promote most",
    "random": "as many others at random, from the same steps",
    "matched-kind": "as many others of the same kinds of text",
    "matched-repetition": "as many others of the same kinds and repetition",
    "bottom": "the rows that suppress most",
}
BY_HAND = {"rows": "the rows picked by hand", "random": "as many others at random, from the same steps"}
NEED_KINDS = ("matched-kind", "matched-repetition")
LOOKS = 20  # looks at all heads in one arm, about
MOST_FRACTIONS = 6
MOST_PICKED = 10_000
LONGEST_ROWS = 8000  # letters of picked rows that an address takes
STEP_TOKENS = 16_384  # of one step, above which the form begins with fewer of its rows: 8 rows of Pythia's 1,024
FEW_STEPS = 64  # of a window to begin with where steps are large; the first dozens tell little: docs/retrains.md
_AFTER = 100  # steps to go on after the window at least, so that there is something to see


@dataclass(frozen=True)
class Schedule:
    """Rows are changed in steps [start, stop); training goes on to `until`, with a look at all heads `every`
    few, on the first `rows_per_step` rows of each step (None: all) at `learning_rate` (None: the study's)."""

    start: int
    stop: int
    until: int
    every: int
    rows_per_step: int | None = None
    learning_rate: float | None = None

    @staticmethod
    def of(one: Retrain) -> Schedule:
        """That of a stored retrain."""
        return Schedule(*one.schedule[1:5], one.rows_per_step, one.learning_rate)

    def window(self, batch_size: int) -> np.ndarray:
        """Numbers of the rows that can be changed, ascending, where a step has so many rows."""
        span = RowChoice(start=self.start * batch_size, stop=self.stop * batch_size, per_step=self.rows_per_step)
        return span.numbers(batch_size)


def last_step(study: Study) -> int:
    """The last step that has training rows."""
    seen = study.facts.held_out[0] or study.facts.rows
    return seen // study.facts.batch_size


def start_steps(study: Study) -> list[int]:
    """Checkpoints that an arm can start from: those with training rows after them."""
    return [step for step in study.steps if step < last_step(study)]


def default_rows_per_step(study: Study, choice: RowChoice | None) -> int:
    """Rows of a step to begin with: as many as an attribution scored, else all where they are few enough for a
    laptop."""
    size = study.facts.batch_size
    if choice is not None and choice.per_step is not None:
        return min(size, choice.per_step)
    return size if size * study.facts.seq_len <= STEP_TOKENS else max(1, STEP_TOKENS // study.facts.seq_len)


def default_schedule(
    study: Study, rows: tuple[int, int], earlier: Iterable[Retrain] = (), choice: RowChoice | None = None
) -> Schedule:
    """The schedule for an intervention on rows [start, stop).

    That of the first of `earlier` whose window lies inside these rows or around them, because its baselines are
    there already; else the rows' steps, of which only the first FEW_STEPS where steps are large, and half as long
    again to see what became of it. choice: which rows an attribution scored, where one chooses.
    """
    size, last = study.facts.batch_size, last_step(study)
    first, stop = rows[0] // size, min(last, -(-rows[1] // size))
    for one in earlier:
        there = Schedule.of(one)
        inside = first <= there.start and there.stop <= stop
        around = there.start <= first and stop <= there.stop
        if (inside or around) and there.start in start_steps(study):
            return there
    within = [step for step in start_steps(study) if -(-rows[0] // size) <= step < stop]
    start = within[0] if within else max((s for s in start_steps(study) if s <= first), default=0)
    large = size * study.facts.seq_len > STEP_TOKENS
    stop = max(start + 1, min(stop, max(start, first) + FEW_STEPS) if large else stop)
    until = min(last, stop + (FEW_STEPS // 2 if large else max((stop - start) // 2, _AFTER)))
    used = default_rows_per_step(study, choice)
    return Schedule(start, stop, until, looks_every(until - start), used if used < size else None)


def looks_every(steps: int) -> int:
    """Steps between two looks: a round number that gives about LOOKS of them."""
    wanted = max(1, steps // LOOKS)
    return max(step for step in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000) if step <= wanted)


def parse_fractions(text: str) -> list[float]:
    """Shares of the window's rows from percentages as they are typed, ascending. Raises UserError otherwise."""
    found = set()
    for part in text.replace(",", " ").replace("%", " ").split():
        try:
            percent = float(part)
        except ValueError:
            percent = float("nan")
        if not 0.01 <= percent <= 50:
            raise UserError(
                f"'{part[:20]}' is no share of the window's rows; give percentages from 0.01 to 50, such as 5, "
                "10, 20."
            )
        found.add(round(percent / 100, 6))
    if not 0 < len(found) <= MOST_FRACTIONS:
        raise UserError(f"Give 1 to {MOST_FRACTIONS} shares of the window's rows in per cent, such as 5, 10, 20.")
    return sorted(found)


def parse_picked(text: str, study: Study) -> tuple[int, ...]:
    """Training rows as they are typed, `12, 40, 100:120`, ascending. Raises UserError for anything else."""
    rows: set[int] = set()
    trained = last_step(study) * study.facts.batch_size
    for part in filter(None, re.split(r"[,\s]+", text)):
        match = re.fullmatch(r"(\d{1,12})(?::(\d{1,12}))?", part)
        if match is None:
            raise UserError(f"'{part[:40]}' is not a row number; write 12, 40, 100:120.")
        start = int(match[1])
        stop = start + 1 if match[2] is None else int(match[2])
        if not start < stop <= trained:
            raise UserError(f"'{part}' are no training rows of this study, which are 0 to {trained - 1:,}.")
        if len(rows) + stop - start > MOST_PICKED:
            raise UserError(f"More than {MOST_PICKED:,} rows are named; let an attribution choose so many.")
        rows.update(range(start, stop))
    return tuple(sorted(rows))


def rows_text(rows: Iterable[int]) -> str:
    """Rows as `parse_picked` reads them, neighbours as ranges."""
    numbers = np.unique(np.array(list(rows), dtype=np.int64))
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return ",".join(f"{p[0]}:{p[-1] + 1}" if len(p) > 2 else ",".join(map(str, p)) for p in parts if len(p))


def replicate_numbers(count: int, have: Iterable[int]) -> list[int]:
    """Which replicates to train: those that have a baseline already first, since they save one."""
    known = sorted(set(have))[:count]
    new = (number for number in range(count + len(known)) if number not in known)
    return sorted([*known, *(next(new) for _ in range(count - len(known)))])


def plan_arms(
    study: str,
    action: str,
    selections: Sequence[str],
    schedule: Schedule,
    replicates: Sequence[int],
    fractions: Sequence[float] = (),
    attribution: str | None = None,
    rows: tuple[int, ...] | None = None,
) -> list[RetrainRequest]:
    """The arms, baseline first in each replicate, so that what is there can be compared as soon as possible.

    Rows are chosen by an attribution at every fraction, or named (`rows`). Raises UserError where nothing is
    selected or the schedule does not ascend.
    """
    if not selections:
        raise UserError("Choose at least one selection of rows.")
    if not schedule.start < schedule.stop <= schedule.until:
        raise UserError(
            f"The window runs from step {schedule.start} to {schedule.stop} and training until {schedule.until}; "
            "each must come after the one before."
        )
    shared = _shared(study, schedule)
    ways: list[dict[str, Any]] = [{"rows": rows}]
    if rows is None:
        ways = [{"attribution": attribution, "fraction": fraction} for fraction in fractions]
    arms = []
    for replicate in replicates:
        arms.append(checked(RetrainRequest, {**shared, "action": BASELINE, "replicate": replicate}))
        for way in ways:
            for selection in selections:
                arm = {**shared, **way, "select": selection, "action": action, "replicate": replicate}
                arms.append(checked(RetrainRequest, arm))
    return arms


def schedule_of(arm: RetrainRequest) -> Schedule:
    """The schedule of a planned arm."""
    until = arm.to_step if arm.until is None else arm.until
    return Schedule(arm.from_step, arm.to_step, until, arm.every, arm.rows_per_step, arm.learning_rate)


def missing_baselines(lacking: Iterable[Retrain]) -> list[RetrainRequest]:
    """The baselines that stored arms need, each once."""
    needed = sorted({(one.study, Schedule.of(one), one.replicate) for one in lacking}, key=lambda need: need[2])
    return [
        checked(RetrainRequest, {**_shared(study, schedule), "action": BASELINE, "replicate": replicate})
        for study, schedule, replicate in needed
    ]


def stored_arms(arms: Sequence[RetrainRequest], found: Iterable[Retrain], study: Study) -> list[Retrain | None]:
    """For each arm the retrain that is there already, if there is one."""
    there = {_spec_signature(one): one for one in found}
    return [there.get(_signature(arm, study.manifest.identity)) for arm in arms]


def _shared(study: str, schedule: Schedule) -> dict[str, Any]:
    return {
        "study": study,
        "from_step": schedule.start,
        "to_step": schedule.stop,
        "until": schedule.until,
        "every": schedule.every,
        "rows_per_step": schedule.rows_per_step,
        "learning_rate": schedule.learning_rate,
    }


def planned_keys(arms: Sequence[RetrainRequest], study: Study) -> list[str]:
    """Keys of the experiments that these arms will make (`experiments.experiment_key`)."""
    changing = [arm for arm in arms if arm.action != BASELINE]
    keys = (identity(_experiment(arm, study.manifest.identity))[:8] for arm in changing)
    return list(dict.fromkeys(keys))


def _experiment(arm: RetrainRequest, study: str) -> dict[str, Any]:
    """`Retrain.experiment` of the retrain that this will be."""
    own = {"rows_per_step": arm.rows_per_step, "learning_rate": arm.learning_rate}
    return {
        "study": study,
        "from": arm.from_step,
        "to": arm.to_step,
        "until": arm.until or arm.to_step,
        "every": arm.every,
        "action": arm.action,
        "attribution": arm.attribution,
        "fraction": arm.fraction,
        "rows": None if arm.rows is None else array_digest(np.unique(np.array(arm.rows, dtype=np.int64))),
        **{key: value for key, value in own.items() if value is not None},
    }


def _signature(arm: RetrainRequest, study: str) -> tuple[str, str | None, int]:
    return (identity(_experiment(arm, study)), arm.select, arm.replicate)


def _spec_signature(one: Retrain) -> tuple[str, str | None, int]:
    return (identity(one.experiment), one.manifest.spec["select"], one.replicate)
