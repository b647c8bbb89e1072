"""The figures of a finding. Labels that come from a corpus are escaped: plotly reads a little HTML in them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from mda.evidence.delay import final_level
from mda.evidence.enrichment import ALL_ROWS
from mda.studies.retrains import BASELINE
from mda.ui.charts.colours import GREEN, GREY, PROMOTES, SKY, SUPPRESSES, arm_colours
from mda.ui.charts.delays import DelayLine, delays_figure
from mda.ui.charts.influence import Dots, dots_figure, histogram_figure
from mda.ui.charts.retrain import arms_figure
from mda.ui.charts.story import story_figure
from mda.ui.export.finding import (
    BOTTOM,
    LONGEST_REPEAT,
    RANDOM,
    SAME_KINDS,
    TOP,
    TRAINING_STEP,
    Experiment,
    Finding,
)
from mda.ui.words.plain import name_of
from mda.ui.words.story import born_by_score, whose

_COLOURS = {ALL_ROWS: GREY, TOP: PROMOTES, BOTTOM: SUPPRESSES, RANDOM: SKY, SAME_KINDS: GREEN}
_ACROSS = 4


@dataclass(frozen=True)
class Shown:
    """A figure with its file's name, its title, and what it shows in a sentence."""

    name: str
    title: str
    about: str
    figure: go.Figure


def births(finding: Finding) -> Shown | None:
    """The history of all heads, the born ones in colour; None before any was scored."""
    if finding.heads.empty:
        return None
    return Shown(
        "births",
        "The births of heads",
        "Scores of all heads over the checkpoints, born heads in colour, and the model's losses below them.",
        story_figure(finding.heads, finding.models, born_by_score(finding.births)),
    )


def distribution(finding: Finding) -> Shown:
    """How the scores of all rows are spread."""
    low, high = finding.suppressing[-1].score, finding.promoting[-1].score
    return Shown(
        "scores",
        "The scores of all rows",
        f"{len(finding.scores):,} rows by score, on a log scale; coloured as far in as the rows printed below.",
        histogram_figure(finding.scores["score"].to_numpy(), low, high),
    )


def made_of(finding: Finding) -> list[Shown]:
    """Repetition, training steps and kinds of the strongest rows beside all rows and controls."""
    table = finding.made_of
    groups = {group: (group, _COLOURS[group]) for group in dict.fromkeys(table["group"])}

    def lines(measure: str) -> pd.DataFrame:
        return table[table["measure"] == measure]

    panels = [
        Dots("tokens repeated", lines("mean repeated share"), _percent),
        Dots("highly repeated rows", lines("highly repeated"), _percent),
        Dots("longest repeat (tokens)", lines(LONGEST_REPEAT), "{:.1f}".format),
        Dots("training step", lines(TRAINING_STEP), "{:,.0f}".format),
    ]
    panels = [panel for panel in panels if len(panel.lines)]
    when = ("; and when the rows were trained on", ", of any step") if len(lines(TRAINING_STEP)) else ("", "")
    found = [
        Shown(
            "made-of",
            "What the strongest rows are made of",
            f"Means by group ({int(table['rows'].max()):,} rows in all) with 95 % intervals over rows: tokens in "
            "runs of three or more that came before in the row; rows whose share of those is among the highest "
            f"tenth; the longest such run{when[0]}. Controls are as many other rows{when[1]}.",
            dots_figure(panels, groups, _ACROSS),
        )
    ]
    kinds = lines("kind share")
    if len(kinds):
        order = kinds[kinds["group"] == TOP].sort_values("value", ascending=False)["kind"]
        highest = float(kinds["high"].max())
        panels = [Dots(html.escape(kind), kinds[kinds["kind"] == kind], _percent, highest) for kind in order]
        about = "Share of every kind of text in the same groups, with 95 % intervals."
        found.append(Shown("kinds", "Kinds of text among them", about, dots_figure(panels, groups, _ACROSS)))
    return found


def delays(experiment: Experiment) -> Shown | None:
    """How much later the heads are born in every arm; None where no birth could be delayed."""
    if experiment.lines.empty:
        return None
    heads = whose(experiment.heads.split(" + "))
    return Shown(
        f"delays-{experiment.start}-{experiment.stop}",
        f"The birth of {heads}, earlier or later",
        f"Steps by which {name_of(experiment.score)} of {heads} reaches half of the baseline's final level later "
        "than in the baseline: mean, 95 % interval, and replicates as small dots.",
        delays_figure(list(delay_lines(experiment).items())),
    )


def delay_lines(experiment: Experiment) -> dict[str, list[DelayLine]]:
    """The arms of the told lines in their order, by what was done to how many rows: `remove 10 %`."""
    runs = experiment.runs
    runs = runs[(runs["score"] == experiment.score) & (runs["head"] == experiment.heads)]
    found: dict[str, list[DelayLine]] = {}
    for line in experiment.lines.to_dict("records"):
        arm = str(line["arm"])
        action, selection, size = [*arm.split(" ", 2), ""][:3]
        each = runs.loc[runs["arm"] == arm, "delay"].dropna().tolist()
        low, high = (None if pd.isna(line[end]) else float(line[end]) for end in ("delay_low", "delay_high"))
        found.setdefault(f"{action} {size}".strip(), []).append(
            DelayLine(
                selection, arm_colours([arm])[arm], float(line["delay"]), low, high, each, int(line["censored"]),
                str(line["note"]),
            )
        )  # fmt: skip
    return found


def curves(finding: Finding, experiment: Experiment) -> Shown:
    """One head's curve in every arm."""
    score = experiment.score
    head = best_head(experiment.curves, finding.asked, score)
    table = experiment.curves.assign(arm=[html.escape(str(arm)) for arm in experiment.curves["arm"]])
    return Shown(
        f"curves-{experiment.start}-{experiment.stop}",
        f"{head} in every arm",
        f"{name_of(score).capitalize()} of {head}: mean over replicates, band from the lowest to the highest.",
        arms_figure(table, head, score, (experiment.start, experiment.stop)),
    )


def best_head(table: pd.DataFrame, asked: Sequence[str], score: str) -> str:
    """Of the heads that were asked about the one that ends highest, in the baseline where there is one."""
    known = table[table["head"].isin(list(asked))]
    base = known[known["arm"] == BASELINE]
    means = (known if base.empty else base).groupby(["head", "step"])[score].mean()
    return str(means.groupby("head").agg(lambda values: final_level(values.to_numpy())).idxmax())


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"
