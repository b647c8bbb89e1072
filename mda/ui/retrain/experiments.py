"""Past retrains as experiments: arms that differ in nothing but which rows were chosen, and their replicates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mda.store.identity import identity
from mda.studies.attributions import Attribution
from mda.studies.retrains import BASELINE, Retrain
from mda.ui.charts.colours import arm_colours

SELECTION_NAMES = {
    "top": "top",
    "rows": "picked by hand",
    "random": "random",
    "matched-kind": "matched by kind",
    "matched-repetition": "matched by kind and repetition",
    "bottom": "bottom",
}
"""Selections in the order in which they are read: what is tested, its controls from weak to strong, the other
end."""

PARTS = ("done", "chosen by", "window", "looks", "study", "id")
"""What an experiment is told by: the first always, others where they tell it apart, the last where nothing else
does."""


@dataclass(frozen=True)
class Experiment:
    """Arms by selection, in the order of SELECTION_NAMES; each holds its replicates, ascending.

    key: of what all of them share (`Retrain.experiment`), as it is written in the URL. parts: that in words, by
    PARTS.
    """

    key: str
    parts: tuple[str, ...]
    shared: dict[str, Any]
    arms: dict[str, list[Retrain]] = field(repr=False)

    @property
    def title(self) -> str:
        """What was done, to which rows, and when."""
        return ", ".join([" ".join(self.parts[:2]), self.parts[2]])

    @property
    def runs(self) -> list[Retrain]:
        """All replicates of all arms."""
        return [run for runs in self.arms.values() for run in runs]

    @property
    def fraction(self) -> float | None:
        """Share of the window's rows that was changed; None where the rows were named."""
        fraction: float | None = self.shared["fraction"]
        return fraction

    @property
    def amount(self) -> str:
        """How many rows were changed: `10 %`, or `12 rows` where they were named."""
        return amount(self.fraction, int(self.runs[0].manifest.result["rows"]))

    @property
    def window(self) -> tuple[int, int]:
        """Steps [from, to) in which rows were changed."""
        return int(self.shared["from"]), int(self.shared["to"])

    @property
    def series(self) -> str:
        """The same for experiments that differ in their fraction alone."""
        return identity({**self.shared, "fraction": None})


def amount(fraction: float | None, rows: int) -> str:
    """`10 %`, or `12 rows` without a fraction."""
    return f"{rows:,} row{'s' * (rows != 1)}" if fraction is None else f"{100 * fraction:g} %"


def experiment_key(one: Retrain) -> str:
    """Key of the experiment that a retrain belongs to."""
    return identity(one.experiment)[:8]


def arm_key(one: Retrain) -> str:
    """Key of an arm within all experiments: the same for its replicates. Of a baseline just that."""
    if one.label == BASELINE:
        return BASELINE
    return f"{experiment_key(one)}.{one.manifest.spec['select']}"


def group_retrains(found: Sequence[Retrain], attributions: Iterable[Attribution], study: str) -> list[Experiment]:
    """Experiments, the newest first; baselines belong to none. study: identity of the study as it is now."""
    grouped: dict[str, list[Retrain]] = {}
    for one in found:
        if one.label != BASELINE:
            grouped.setdefault(experiment_key(one), []).append(one)
    by_id = {one.id: one for one in attributions}
    parts = {key: _parts(runs[0], by_id, study) for key, runs in grouped.items()}
    return [Experiment(key, parts[key], runs[0].experiment, _arms(runs)) for key, runs in grouped.items()]


def titles(experiments: Sequence[Experiment]) -> dict[str, str]:
    """Experiments in words, by key: what was done, and of the rest what tells them apart from each other."""
    last = len(PARTS) - 1
    telling = [place for place in range(last) if place == 0 or len({one.parts[place] for one in experiments}) > 1]
    told = _joined(experiments, telling)
    return told if len(set(told.values())) == len(told) else _joined(experiments, [*telling, last])


def _joined(experiments: Sequence[Experiment], places: Sequence[int]) -> dict[str, str]:
    return {one.key: ", ".join(one.parts[place] for place in places if one.parts[place]) for one in experiments}


def _arms(runs: Iterable[Retrain]) -> dict[str, list[Retrain]]:
    arms: dict[str, list[Retrain]] = {}
    order = list(SELECTION_NAMES)
    for run in sorted(runs, key=lambda run: (order.index(run.manifest.spec["select"]), run.replicate)):
        arms.setdefault(run.manifest.spec["select"], []).append(run)
    return arms


def _parts(run: Retrain, attributions: dict[str, Attribution], study: str) -> tuple[str, ...]:
    """An experiment in words, by PARTS."""
    shared = run.experiment
    size = amount(shared["fraction"], int(run.manifest.result["rows"]))
    if run.named_rows:
        by, which = "picked by hand", run.named_rows[:8]
    elif run.attribution is None:
        by, which = "at random", ""
    else:
        by, which = f"by {about(attributions.get(run.attribution))}", run.attribution.rpartition("-")[2]
    return (
        f"{shared['action'].capitalize()} {size}",
        by,
        f"steps {shared['from']:,} to {shared['to']:,}",
        f"until {shared['until']:,}, a look every {shared['every']}{_trained(run)}",
        "" if shared["study"] == study else "in an earlier study of this name",
        which,
    )


def _trained(run: Retrain) -> str:
    """`, 8 rows a step, learning rate 0.0005`: what is not the study's own way of training."""
    rows, rate = run.rows_per_step, run.learning_rate
    few = "" if rows is None else f", {rows:,} row{'s' * (rows > 1)} a step"
    return few + ("" if rate is None else f", learning rate {rate:g}")


def about(attribution: Attribution | None) -> str:
    """What an attribution asks: `prefix matching of L1H0 + L1H2`."""
    if attribution is None:
        return "an attribution that is gone"
    heads = attribution.manifest.spec["heads"]
    named = " + ".join(heads[:3]) + (f" and {len(heads) - 3} more" if len(heads) > 3 else "")
    return f"{attribution.manifest.spec['probe'].replace('_', ' ')} of {named}"


def colours_of(one: Experiment) -> dict[str, str]:
    """A colour for each selection of an experiment, the same wherever it is drawn."""
    labels = {selection: runs[0].label for selection, runs in one.arms.items()}
    colours = arm_colours(labels.values())
    return {selection: colours[label] for selection, label in labels.items()}
