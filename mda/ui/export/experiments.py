"""Retrains of a finding, grouped into experiments: schedules with what chose the rows, compared with baselines."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mda.evidence.compare import COMPARED_SCORES, summarise
from mda.studies.retrains import BASELINE, Retrain
from mda.ui.export.finding import Experiment
from mda.ui.words.story import TOP, Change
from mda.workflows.compare import compare_schedules

_SELECTIONS = (TOP, "bottom", "random", "matched-kind", "matched-repetition", "rows")


def with_baselines(chosen: Sequence[Retrain], retrains: Sequence[Retrain]) -> list[Retrain]:
    """The chosen retrains after the baselines of their schedules and replicates."""
    needed = {(one.schedule, one.replicate) for one in chosen}
    ids = {one.id for one in chosen}
    baselines = [one for one in retrains if one.label == BASELINE and (one.schedule, one.replicate) in needed]
    return [*[one for one in baselines if one.id not in ids], *chosen]


def experiments(retrains: Sequence[Retrain], asked: Sequence[str], probe: str) -> list[Experiment]:
    """The experiments that the retrains belong to, baselines among them; `asked`: the heads to tell of."""
    arms = [one for one in retrains if one.label != BASELINE]
    score = probe if probe in COMPARED_SCORES else COMPARED_SCORES[0]
    found = []
    for schedule, rows in dict.fromkeys((one.schedule, one.named_rows) for one in arms):
        mine = sorted((one for one in arms if (one.schedule, one.named_rows) == (schedule, rows)), key=_order)
        replicates = {one.replicate for one in mine}
        baselines = [
            one
            for one in retrains
            if one.label == BASELINE and one.schedule == schedule and one.replicate in replicates
        ]
        found.append(_experiment(mine, baselines, asked, score))
    return found


def name_of_arm(one: Retrain) -> str:
    """What an arm did; arms about rows that were named by hand are told apart by those rows."""
    return f"{one.label} ({one.named_rows[:6]})" if one.named_rows else one.label


def _experiment(
    arms: Sequence[Retrain], baselines: Sequence[Retrain], asked: Sequence[str], score: str
) -> Experiment:
    spec = arms[0].manifest.spec  # the main arm's: `_order` puts it first
    alike = [one for one in arms if all(one.manifest.spec[key] == spec[key] for key in ("action", "fraction"))]
    runs, lacking = compare_schedules(arms, baselines, name_of_arm)
    table = summarise(runs) if len(runs) else pd.DataFrame()
    everything = [*baselines, *arms]
    return Experiment(
        start=int(spec["from"]),
        stop=int(spec["to"]),
        until=int(spec["until"]),
        change=Change.of(spec),
        selects={name_of_arm(one): one.manifest.spec["select"] for one in alike},
        runs=runs,
        table=table,
        score=score,
        heads=_heads(table, asked, score),
        curves=_joined([(one, one.metrics()) for one in everything]),
        models=_joined([(one, one.model_metrics()) for one in everything]),
        alone=[one.id for one in lacking],
        caveats=list(dict.fromkeys(sentence for one in everything for sentence in one.caveats)),
    )


def _heads(table: pd.DataFrame, asked: Sequence[str], score: str) -> str:
    """The heads to tell of, as the table names them: those asked about, else all that are born together."""
    there = set() if table.empty else set(table.loc[table["score"] == score, "head"])
    return " + ".join(asked) if " + ".join(asked) in there else max(there, key=len, default="")


def _joined(tables: Sequence[tuple[Retrain, pd.DataFrame]]) -> pd.DataFrame:
    return pd.concat(
        [table.assign(arm=name_of_arm(one), replicate=one.replicate) for one, table in tables], ignore_index=True
    )


def _order(one: Retrain) -> tuple[bool, float, int, int]:
    """Removals before duplications, the largest share first, the top before its opposite and its controls."""
    spec = one.manifest.spec
    return spec["action"] != "remove", -(spec["fraction"] or 0), _SELECTIONS.index(spec["select"]), one.replicate
