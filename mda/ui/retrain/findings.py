"""What a comparison shows, in sentences written from its numbers. Numbers are escaped for Markdown."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mda.ui.charts.delays import DelayLine
from mda.ui.retrain.experiments import Experiment
from mda.ui.words.plain import listed, plain
from mda.ui.words.story import Change, effect

FEW = 5  # replicates below which a bootstrap interval is plainly too narrow

_TESTED = ("top", "rows", "bottom")


def finding(one: Experiment, table: pd.DataFrame) -> str:
    """What changing the rows did to a birth, in the words of the story; empty without an arm to tell of.

    table: of `evidence.compare.summarise`, about one head score; arms are named as by `experiments.arm_key`.
    """
    lines = table.assign(select=table["arm"].map({f"{one.key}.{name}": name for name in one.arms}))
    lines = lines.dropna(subset=["select"])
    there = [name for name in (*_TESTED, *one.arms) if name in set(lines["select"])]
    return effect(lines, Change.of(one.arms[there[0]][0].manifest.spec)) if there else ""


def few_replicates(lines: list[DelayLine]) -> str:
    """A caution about intervals from few replicates; empty where there are enough, or none has an interval."""
    least = min((len(line.runs) for line in lines if line.low is not None), default=FEW)
    if least >= FEW:
        return ""
    return (
        f"Brackets are 95 % bootstrap intervals over replicates. With {least} they are too narrow: read them as "
        "something nearer 75 %, and add replicates before you believe a small difference."
    )


def dose_finding(slopes: pd.DataFrame, names: Mapping[str, str], heads: str) -> str:
    """How much every further per cent of rows delays the birth; slopes: as of `evidence.dose.slopes`."""
    if slopes.empty:
        return ""
    parts = []
    for line in slopes.to_dict("records"):
        bound = "≥ " if line["censored"] else ""
        spread = "" if pd.isna(line["low"]) else f" [{line['low']:+.1f}, {line['high']:+.1f}]"
        number = plain(f"{bound}{line['slope']:+.1f}{spread}")
        parts.append(f"**{number}** ({names[line['selection']]})")
    return f"Each further per cent of the rows shifts the birth of {heads} by {listed(parts)} steps."
