"""The tables of a finding, whole, as they are put into its file."""

from __future__ import annotations

import json

import pandas as pd

from mda.store.artefact import Manifest
from mda.ui.export.finding import Finding

MOST_ROWS = 200_000  # of scores that are kept whole
END_ROWS = 50_000  # kept of either end of a longer ranking


def tables(finding: Finding) -> dict[str, tuple[pd.DataFrame, str]]:
    """Every table by name, with what it holds; those without a line are left out."""
    scores, about = kept_scores(finding.scores)
    found = {
        "scores": (scores, about),
        "made_of": (finding.made_of, "what the strongest rows are made of, with 95 % intervals"),
        "births": (finding.births, "births of heads"),
        "head_scores": (finding.heads, "scores of all heads at all checkpoints"),
        "model_scores": (finding.models, "scores of the model at all checkpoints"),
        "delays": (_joined(finding, "table"), "delays and final scores of all arms, with 95 % intervals"),
        "curves": (_joined(finding, "curves"), "scores of all heads in every arm and replicate"),
        "model_curves": (_joined(finding, "models"), "losses in every arm and replicate"),
    }
    return {name: (table, what) for name, (table, what) in found.items() if len(table)}


def kept_scores(scores: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """All scores; of very many both ends of the ranking, and a note that says so."""
    if len(scores) <= MOST_ROWS:
        return scores, f"the scores of all {len(scores):,} rows"
    ranked = scores.sort_values(["score", "row"], ascending=[False, True])
    ends = pd.concat([ranked.head(END_ROWS), ranked.tail(END_ROWS)]).sort_values("row", ignore_index=True)
    return ends, f"of {len(scores):,} rows only the {END_ROWS:,} highest and the {END_ROWS:,} lowest scores"


def csv(table: pd.DataFrame) -> bytes:
    """A table as CSV, numbers to nine digits, which is more than single precision has."""
    return table.to_csv(index=False, float_format="%.9g").encode()


def manifests(finding: Finding) -> list[tuple[str, Manifest]]:
    """The manifests of all artefacts that the finding is made of, by name."""
    return [
        (f"study {finding.study}", finding.manifest),
        (f"attribution {finding.attribution.id}", finding.attribution.manifest),
        *[(f"retrain {one.id}", one.manifest) for one in finding.retrains],
    ]


def manifests_json(finding: Finding) -> str:
    """Specification, identity, code version, time and hardware of every artefact. Not their results: those of a
    study name folders of the machine that made it."""
    shown = {
        name: manifest.model_dump(mode="json", by_alias=True, exclude={"result"})
        for name, manifest in manifests(finding)
    }
    return json.dumps(shown, indent=1, ensure_ascii=False)


def _joined(finding: Finding, which: str) -> pd.DataFrame:
    """One kind of table of all experiments, below each other, with their schedules."""
    parts = [
        getattr(one, which).assign(start=one.start, stop=one.stop, until=one.until)
        for one in finding.experiments
        if len(getattr(one, which))
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
