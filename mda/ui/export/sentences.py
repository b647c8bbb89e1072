"""What a finding says, in the sentences of the story page: each claims no more than its intervals allow."""

from __future__ import annotations

import re

from mda.ui.export.finding import TOP, Experiment, Finding
from mda.ui.words import story


def headline(finding: Finding) -> str:
    """The finding in one sentence: what removing its rows did to a birth, else what they are made of."""
    tried = [effect(experiment) for experiment in finding.experiments]
    return next(filter(None, tried), None) or composition(finding)


def sentences(finding: Finding) -> list[str]:
    """Births, what the rows are made of, what changing them did, and how far the ranking can be trusted."""
    told = [_unmarked(one) for one in story.sentences(finding.births)]
    told += [composition(finding), *map(effect, finding.experiments)]
    told += [_unmarked(story.reliability(finding.attribution.manifest.result["reliability"]))]
    return [one for one in told if one]


def composition(finding: Finding) -> str:
    """What the rows that promote most are made of, beside all rows."""
    return _unmarked(story.composition(finding.made_of, TOP, finding.asked))


def effect(experiment: Experiment) -> str:
    """What the experiment's main change did, held against its controls; empty where no birth can be told."""
    lines = experiment.lines
    if experiment.change is None or lines.empty:
        return ""
    told = lines.assign(select=lines["arm"].map(experiment.selects)).dropna(subset=["select"])
    if experiment.change.select not in set(told["select"]):
        return ""
    return _unmarked(story.effect(told, experiment.change))


def _unmarked(markdown: str) -> str:
    """The sentence as plain text: without the marks and escapes that Markdown would take away."""
    return re.sub(r"\\(.)", r"\1", markdown.replace("**", ""))
