"""What a comparison shows, in sentences written from its numbers. Numbers are escaped for Markdown."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mda.ui.charts.delays import DelayLine, delay_words
from mda.ui.retrain.experiments import CONTROLS, Experiment
from mda.ui.words.plain import listed, plain

FEW = 5  # replicates below which a bootstrap interval is plainly too narrow

_TESTED = ("top", "rows", "bottom")
_AS_CONTROL = {
    "random": "as many random rows",
    "matched-kind": "as many rows of the same kinds",
    "matched-repetition": "as many of the same kinds and repetition",
}


_CONTROL = {
    "random": "the random rows",
    "matched-kind": "rows of the same kinds",
    "matched-repetition": "rows of the same kinds and repetition",
}


def finding(one: Experiment, lines: Mapping[str, DelayLine], heads: str) -> str:
    """What changing the rows did to the birth of `heads`, held against the controls; empty without a tested arm.

    lines: by selection.
    """
    tested = next((name for name in _TESTED if name in lines), next(iter(lines), None))
    if tested is None:
        return ""
    main = lines[tested]
    verb = "Removing" if one.shared["action"] == "remove" else "Duplicating"
    what = f"{verb} {_rows(one, tested)}"
    if pd.isna(main.mean):
        return f"{what}: no delay of {heads} can be told, because {plain(main.note or 'there is no birth')}."
    told = f"{what} {_effect(main, heads)}"
    controls = {name: lines[name] for name in CONTROLS if name in lines and name != tested}
    controls = {name: line for name, line in controls.items() if not pd.isna(line.mean)}
    if controls:
        beside = [f"{_AS_CONTROL[name]} {_number(line)}" for name, line in controls.items()]
        told += f"; {', '.join(beside)}"
    return f"{told}. {_verdict(main, controls)}".strip()


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


def _rows(one: Experiment, selection: str) -> str:
    if one.fraction is None:
        return f"the {one.amount} picked by hand" if selection == "rows" else f"{one.amount} at random"
    named = {"top": f"the top {one.amount} of rows", "bottom": f"the bottom {one.amount} of rows"}
    return named.get(selection, f"{one.amount} of rows, {selection.replace('-', ' by ')},")


def _effect(line: DelayLine, heads: str) -> str:
    """`delays L1H0 by +48 [+45, +51] steps`, `does not measurably shift …`, and so on."""
    number = f"**{_number(line)} steps**"
    if line.low is None or line.high is None:
        return f"shifts the birth of {heads} by {number} in its only replicate"
    if line.low > 0:
        return f"delays the birth of {heads} by {number}"
    if line.high < 0:
        return f"brings the birth of {heads} forward: {number}"
    return f"does not measurably shift the birth of {heads}: {number}"


def _verdict(main: DelayLine, controls: Mapping[str, DelayLine]) -> str:
    """Whether the interval stands clear of the controls'."""
    if main.low is None or main.high is None:
        return "A single run is mostly noise: add replicates."
    low, high = main.low, main.high
    spread = {
        name: (line.low, line.high)
        for name, line in controls.items()
        if line.low is not None and line.high is not None
    }
    if not spread:
        return "" if controls else "There is no control to hold it against."
    same = [name for name, (first, last) in spread.items() if low <= last and first <= high]
    if not same:
        above = all(low > last for _, last in spread.values())
        below = all(high < first for first, _ in spread.values())
        each = "every control" if len(spread) > 1 else "the control"
        return f"Its interval lies clear {'above' if above else 'below' if below else 'of'} that of {each}."
    words = listed([_CONTROL[name] for name in same])
    return f"Its interval overlaps that of {words}: these runs do not tell them apart."


def _number(line: DelayLine) -> str:
    return plain(delay_words(line))
