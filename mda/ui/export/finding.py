"""What an exported finding holds: plain data, so that its page is a pure function of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from mda.store.artefact import Manifest
from mda.studies.attributions import Attribution
from mda.studies.retrains import Retrain
from mda.ui.words.story import Change

TOP, BOTTOM = "top 10 %", "bottom 10 %"
RANDOM, SAME_KINDS = "random rows", "rows of the same kinds"
LONGEST_REPEAT, TRAINING_STEP = "longest repeat", "training step"


@dataclass(frozen=True)
class ShownRow:
    """A row to be read: its line of the ranking (step: None without a training order), its tokens' texts, and its
    repeated spans as (length, starts)."""

    rank: int
    row: int
    step: int | None
    score: float
    kind: str | None
    repeated: float
    pieces: list[str]
    spans: list[tuple[int, tuple[int, ...]]]


@dataclass(frozen=True)
class Experiment:
    """Retrains that share a schedule and what chose their rows, and their baselines.

    start, stop, until: rows were changed in steps [start, stop), and training went on to `until`. change: what the
    main arm did; selects: how the arms that changed as large a share chose their rows, by arm. runs and table: of
    `evidence.compare.compare_runs` and `summarise`; score, heads: which of their lines are told. curves: columns
    arm, replicate, step, head (`L1H3`) and the head scores; models: arm, replicate, step, loss and the model-level
    scores. alone: arms that are not in the table for lack of a baseline. caveats: what to keep in mind of how the
    arms were trained, in sentences.
    """

    start: int
    stop: int
    until: int
    change: Change | None
    selects: dict[str, str]
    runs: pd.DataFrame
    table: pd.DataFrame
    score: str
    heads: str
    curves: pd.DataFrame
    models: pd.DataFrame
    alone: list[str]
    caveats: list[str]

    @property
    def lines(self) -> pd.DataFrame:
        """The table's lines about the told heads and score, one an arm; empty where no birth could be delayed."""
        if self.table.empty:
            return self.table
        return self.table[(self.table["score"] == self.score) & (self.table["head"] == self.heads)]


@dataclass(frozen=True)
class Finding:
    """One attribution of a study, what its rows are made of, and the retrains that tried it.

    heads, models: head and model scores at all checkpoints, births: of `evidence.births`. scores: every scored row
    with `repeated` (share) and `kind`; made_of: of `evidence.enrichment`, `sampled` of the rows compared. `now` is
    when it was gathered.
    """

    study: str
    about: str
    manifest: Manifest
    attribution: Attribution
    retrains: list[Retrain]
    heads: pd.DataFrame
    models: pd.DataFrame
    births: pd.DataFrame
    scores: pd.DataFrame
    made_of: pd.DataFrame
    promoting: list[ShownRow]
    suppressing: list[ShownRow]
    experiments: list[Experiment]
    commands: list[str]
    versions: dict[str, str]
    now: datetime

    @property
    def asked(self) -> list[str]:
        """The heads that the attribution asks about."""
        return list(self.attribution.manifest.spec["heads"])
