"""The story of a study in sentences: what it is, which heads were born when, what built them, what proves it.

Pure functions from tables to Markdown. Each says what the numbers say and no more: where intervals overlap, where
controls do as much, and where a number is missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mda.evidence.enrichment import ALL_ROWS
from mda.heads.geometry import Head
from mda.studies.attributions import LOW_RELIABILITY
from mda.studies.study import Study
from mda.ui.words.plain import BORN_AS, listed, name_of, plain
from mda.ui.words.rows import rows_line

MOST_TOLD = 3  # heads of one kind that a sentence names
TOP = "top"
_KINDS_TOLD = 2
_CLEARLY_MORE, _CLEARLY_LESS = 1.2, 0.8  # times as frequent, to be worth telling
_VERY_STABLE = 0.95

_MEASURED = [f"{what}{end}" for what in ("delay", "change") for end in ("", "_low", "_high")]

_CHANGED = {
    "top": "the top {part} of rows",
    "bottom": "the bottom {part} of rows",
    "random": "a random {part} of rows",
    "matched-kind": "{part} of rows that match the top ones in kind",
    "matched-repetition": "{part} of rows that match the top ones in kind and repetition",
    "rows": "rows chosen by hand",
}
CONTROLS = {
    "random": "random rows",
    "matched-kind": "rows of the same kinds",
    "matched-repetition": "rows of the same kinds and repetition",
}


def facts_line(study: Study) -> str:
    """`2 layers of 4 heads · 31 checkpoints up to step 3,000 · …`, safe for Markdown."""
    facts, sizes = study.facts, study.sizes
    parts = [
        f"{sizes.layers} layers of {sizes.heads} heads",
        f"{len(study.steps)} checkpoint{'s' * (len(study.steps) > 1)} up to step {study.steps[-1]:,}",
        rows_line(study),
    ]
    if facts.kinds:
        parts.append(f"{len(facts.kinds)} kinds of text: {plain(listed(facts.kinds))}")
    return " · ".join(parts)


def sources_line(study: Study) -> str:
    """The repositories and commits of checkpoints and rows, safe for Markdown; empty for those of files."""
    facts, parts = study.facts, []
    if facts.hub is not None:
        last = facts.hub.commits[max(facts.hub.commits)]
        parts.append(f"Checkpoints: {plain(facts.hub.repo)}, the last one at commit {last[:7]}")
    if facts.preshuffled is not None:
        parts.append(f"rows: {plain(facts.preshuffled.repo)} at commit {facts.preshuffled.commit[:7]}")
    return " · ".join(parts)


def born_by_score(born: pd.DataFrame) -> dict[str, list[Head]]:
    """The born heads of every score, highest final level first."""
    found: dict[str, list[Head]] = {}
    for line in born.sort_values("final", ascending=False).to_dict("records"):
        found.setdefault(line["score"], []).append(Head(int(line["layer"]), int(line["head"])))
    return found


def sentences(born: pd.DataFrame) -> list[str]:
    """One sentence per kind of born head, for Markdown; [] where none was born."""
    told = []
    for score in BORN_AS:
        lines = born[born["score"] == score].sort_values("final", ascending=False).to_dict("records")
        if not lines:
            continue
        named = [
            f"**{Head(int(line['layer']), int(line['head']))}** {_when(line['birth_step'])} ({line['final']:.2f})"
            for line in lines[:MOST_TOLD]
        ]
        named[0] = f"{named[0][:-1].replace('(', f'({name_of(score)} ')} at the end)"
        more = f", and {len(lines) - MOST_TOLD} more" if len(lines) > MOST_TOLD else ""
        kind = f"{BORN_AS[score]}s" if len(lines) > 1 else BORN_AS[score]
        told.append(f"{kind[0].upper()}{kind[1:]}: {listed(named) if not more else ', '.join(named)}{more}.")
    return told


def whose(heads: Sequence[str]) -> str:
    """`L1H0`, `L1H0 and L1H2`, `24 heads`."""
    return listed(list(heads)) if len(heads) <= MOST_TOLD else f"{len(heads)} heads"


def composition(table: pd.DataFrame, top: str, heads: Sequence[str]) -> str:
    """What the rows of the group `top` are made of beside all rows; table: of `evidence.enrichment.enrichment`."""
    mine, everything = table[table["group"] == top], table[table["group"] == ALL_ROWS]
    row = mine[mine["measure"] == "mean repeated share"].iloc[0]
    of_all = everything[everything["measure"] == "mean repeated share"].iloc[0]
    shares = f"{100 * row['value']:.0f} % of such a row is repeated text, {100 * of_all['value']:.0f} % of any row"
    begin = f"The rows that promote **{whose(heads)}** most"
    if row["low"] > of_all["high"]:
        first = f"{begin} repeat themselves: {shares}."
    elif row["high"] < of_all["low"]:
        first = f"{begin} repeat themselves less than others: {shares}."
    else:
        first = f"{begin} repeat themselves no more and no less than others, as far as can be told: {shares}."
    kinds = _kinds(mine, everything)
    return f"{first} {kinds}" if kinds else first


def _kinds(mine: pd.DataFrame, everything: pd.DataFrame) -> str:
    """The kinds that are clearly more, and clearly less, frequent than among all rows; "" without kinds."""
    kinds = kind_ratios(mine, everything)
    if kinds.empty:
        return ""
    clear = kinds[(kinds["low"] > kinds["all_high"]) | (kinds["high"] < kinds["all_low"])]
    more = clear[clear["ratio"] >= _CLEARLY_MORE].nlargest(_KINDS_TOLD, "ratio")
    less = clear[clear["ratio"] <= _CLEARLY_LESS].nsmallest(1, "ratio")
    if more.empty and less.empty:
        return "Their kinds of text are much as everywhere."
    both = pd.concat([more, less])
    told = [
        f"{times(ratio)} as much {plain(kind)}" if ratio else f"no {plain(kind)} at all"
        for kind, ratio in zip(both["kind"], both["ratio"], strict=True)
    ]
    return f"As against all rows, {listed(told)}."


def kind_ratios(mine: pd.DataFrame, everything: pd.DataFrame) -> pd.DataFrame:
    """One line a kind: `kind`, `value`, `low`, `high`, the same of all rows (`all_…`), and `ratio`, falling."""
    columns = ["kind", "value", "low", "high"]
    one = mine.loc[mine["measure"] == "kind share", columns]
    other = everything.loc[everything["measure"] == "kind share", columns]
    both = one.merge(other.rename(columns={key: f"all_{key}" for key in columns[1:]}), on="kind")
    both["ratio"] = both["value"] / both["all_value"]
    return both.sort_values("ratio", ascending=False, ignore_index=True)


def times(ratio: float) -> str:
    """`3.1 times`, `0.06 times`."""
    return f"{ratio:.1f} times" if ratio >= 0.095 or ratio == 0 else f"{ratio:.1g} times"


@dataclass(frozen=True)
class Change:
    """What an experiment did in its main arm: action, selection, share of the window's rows, and its steps."""

    action: str
    select: str
    fraction: float | None
    first: int
    last: int

    @staticmethod
    def of(spec: Mapping[str, Any]) -> Change:
        """What the arm of a retrain's specification changed."""
        return Change(spec["action"], spec["select"], spec["fraction"], int(spec["from"]), int(spec["to"]))

    @property
    def words(self) -> str:
        """`Removing the top 10 % of rows from steps 400 to 700`"""
        verb = "Removing" if self.action == "remove" else "Training twice on"
        part = "" if self.fraction is None else f"{100 * self.fraction:g} %"
        return f"{verb} {_CHANGED[self.select].format(part=part)} from steps {self.first:,} to {self.last:,}"


def effect(lines: pd.DataFrame, change: Change) -> str:
    """What the change did to the birth of the heads, and whether more than its controls did.

    lines: one a selection (column `select`), of `evidence.compare.summarise`, all of the same heads.
    """
    lines = lines.astype(dict.fromkeys(_MEASURED, float))  # None, of a single replicate, becomes NaN
    main = lines[lines["select"] == change.select].iloc[0]
    heads = whose(str(main["head"]).split(" + "))
    if not math.isfinite(main["delay"]):
        moved = _interval(main, "change", "{:+.2f}")
        return (
            f"{change.words} caused no delay that can be measured: {plain(main['note'])}. The final "
            f"{name_of(main['score'])} of {heads} changed by **{main['change']:+.2f}**{moved}."
        )
    steps, interval = f"{abs(main['delay']):,.0f} steps", _interval(main, "delay", "{:+,.0f}")
    steps = f"at least {steps}" if main["censored"] else steps
    clear = _sign(main)
    if main["replicates"] < 2:
        way = "later" if main["delay"] >= 0 else "earlier"
        told = f"let {heads} be born **{steps}** {way} in the only replicate"
    elif clear > 0:
        told = f"delayed the birth of {heads} by **{steps}**{interval}"
    elif clear < 0:
        told = f"brought the birth of {heads} forward by **{steps}**{interval}"
    else:
        told = f"did not clearly move the birth of {heads}: **{main['delay']:+,.0f} steps**{interval}"
    unborn = ""
    if main["censored"]:
        unborn = f" In {main['censored']} of {main['replicates']} replicates no birth was seen at all."
    return f"{change.words} {told}{_beside(main, lines, clear)}{unborn}"


def _beside(main: pd.Series, lines: pd.DataFrame, clear: int) -> str:
    """How the main arm's delay compares with those of the controls; ends the sentence."""
    controls = [c for c in lines.to_dict("records") if c["select"] in CONTROLS and c["select"] != main["select"]]
    controls = [control for control in controls if math.isfinite(control["delay"])]
    if not controls:
        return ". No control was run: other rows might have done the same."
    named = {c["select"]: f"{CONTROLS[c['select']]} {c['delay']:+,.0f}" for c in controls}
    if main["replicates"] < 2:
        return f" ({listed(list(named.values()))}). One run is mostly noise: add replicates."
    if clear == 0:
        return f"; {listed(list(named.values()))}."
    as_much = [c["select"] for c in controls if clear * c["delay"] >= clear * main["delay"]]
    if as_much:
        return f". But so did what should do nothing, as much or more: {listed([named[key] for key in as_much])}."
    near, far = ("low", "high") if clear > 0 else ("high", "low")
    overlapping = [c["select"] for c in controls if not clear * main[f"delay_{near}"] > clear * c[f"delay_{far}"]]
    if overlapping:
        return (
            f", more than its controls did; but the interval overlaps with that of "
            f"{listed([named[key] for key in overlapping])}, so this is not settled."
        )
    if len(named) == 1:
        return f", more than its control: {next(iter(named.values()))}."
    delays = sorted(control["delay"] for control in controls)
    return f", more than each of its {len(named)} controls ({delays[0]:+,.0f} to {delays[-1]:+,.0f})."


def _sign(line: pd.Series) -> int:
    """1 where the delay's interval lies above zero, -1 below, 0 where it holds zero or there is none."""
    return int(line["delay_low"] > 0) - int(line["delay_high"] < 0)


def _interval(line: pd.Series, column: str, form: str) -> str:
    low, high = line[f"{column}_low"], line[f"{column}_high"]
    return "" if pd.isna(low) or pd.isna(high) else f" ({form.format(low)} to {form.format(high)})"


def reliability(measured: Mapping[str, Any]) -> str:
    """How far a ranking depends on its seeds; measured: the result's `reliability` of an attribution."""
    values = [measured["probe_halves"], measured["label_seeds"]]
    known = [value for value in values if value is not None and math.isfinite(value)]
    shown = [f"{value:.2f}" if value in known else "undefined" for value in values]
    numbers = f"two halves of the probe agree at {shown[0]}, two fits of the curvature at {shown[1]}"
    if len(known) < 2:
        return f"How far the ranking depends on the draw is not known: {numbers}."
    if min(known) < LOW_RELIABILITY:
        return f"**Read single rows with care.** The ranking depends on the draw: {numbers}."
    word = "Stable" if min(known) >= _VERY_STABLE else "Fairly stable"
    return f"{word}: on the ranking of rows {numbers}. Whether it is true, only retraining tells."


def _when(step: float) -> str:
    return f"born near step {round(step / 10) * 10:,}" if np.isfinite(step) else "there from the first checkpoints"
