"""Stored retrains: one arm each, with the curves of all heads and of the model."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mda.errors import UserError
from mda.store.artefact import Manifest, list_artefacts, open_artefact
from mda.store.paths import cache_root, study_folder
from mda.store.tables import read_parquet

KIND = "retrain"
METRICS = "metrics.parquet"  # step, head and the head scores
MODEL_METRICS = "model_metrics.parquet"  # step, loss and the model-level scores
CHANGED_ROWS = "rows.parquet"  # row, step, weight of the rows that the arm removed or duplicated

BASELINE = "baseline"
CONTROL_OF = "control_of"  # in the specification of a control of named rows: their digest


@dataclass
class Retrain:
    """One stored arm of a study."""

    study: str
    id: str
    manifest: Manifest
    folder: Path = field(repr=False)

    @property
    def label(self) -> str:
        """What the arm did, the same for its replicates: `baseline`, `remove top 10 %`."""
        spec = self.manifest.spec
        return arm_label(spec["action"], spec["select"], spec["fraction"])

    @property
    def replicate(self) -> int:
        """Which order of the window's rows it was trained in."""
        return int(self.manifest.spec["replicate"])

    @property
    def rows_per_step(self) -> int | None:
        """How many rows of each step it was trained on, the first ones; None: all of them."""
        found: int | None = self.manifest.spec.get("rows_per_step")
        return found

    @property
    def learning_rate(self) -> float | None:
        """The learning rate (peak of its schedule) that it was given; None: the study's own."""
        found: float | None = self.manifest.spec.get("learning_rate")
        return found

    @property
    def schedule(self) -> tuple[str, int, int, int, int, int, float]:
        """What arms must share to be compared: what they start from, from, to, until and steps between looks, rows
        of a step (0: all) and learning rate (0: the study's own)."""
        spec = self.manifest.spec
        start = f"{spec['weights']} {spec.get('optimizer', '')}"
        looks = (spec["from"], spec["to"], spec["until"], spec["every"])
        return (start, *looks, self.rows_per_step or 0, self.learning_rate or 0.0)

    @property
    def caveats(self) -> list[str]:
        """What to keep in mind of how it was trained."""
        size = self.manifest.spec["recipe"]["batch_size"] if self.rows_per_step else 0
        fresh = bool(self.manifest.result.get("fresh_optimizer"))
        return caveats(fresh, self.rows_per_step, size, self.learning_rate)

    @property
    def attribution(self) -> str | None:
        """Id of the attribution that chose the rows, if one did."""
        return self.manifest.spec["attribution"]

    @property
    def named_rows(self) -> str | None:
        """Digest of the rows that were named one by one, for an arm that changed these or a control of them."""
        spec = self.manifest.spec
        found: str | None = spec["changed_rows"] if spec["select"] == "rows" else spec.get(CONTROL_OF)
        return found

    @property
    def experiment(self) -> dict[str, Any]:
        """What an arm shares with its replicates and with its controls: study, schedule, what was done to how many
        rows, and what chose them."""
        spec = self.manifest.spec
        shared = ("study", "from", "to", "until", "every", "action", "attribution", "fraction")
        own: dict[str, Any] = {key: spec[key] for key in ("rows_per_step", "learning_rate") if key in spec}
        return {**{key: spec[key] for key in shared}, "rows": self.named_rows, **own}

    def metrics(self) -> pd.DataFrame:
        """Columns step, head (`L1H3`) and the head scores."""
        return read_parquet(self.folder / METRICS)

    def model_metrics(self) -> pd.DataFrame:
        """Columns step, loss (of the last batch) and the model-level scores."""
        return read_parquet(self.folder / MODEL_METRICS)

    def changed_rows(self) -> pd.DataFrame:
        """Columns row, step, weight of the rows that were removed or duplicated."""
        return read_parquet(self.folder / CHANGED_ROWS)


def arm_label(action: str, select: str | None, fraction: float | None) -> str:
    """`baseline`, `remove top 10 %`, `duplicate rows`."""
    if action == BASELINE:
        return BASELINE
    return f"{action} {select}" + (f" {100 * fraction:g} %" if fraction is not None else "")


def caveats(fresh: bool, rows_per_step: int | None, batch_size: int, learning_rate: float | None) -> list[str]:
    """Sentences about arms that start with a fresh optimizer, that train on the first rows of each step alone
    (None: on all of its `batch_size`), or at another learning rate than the study's (None: at its own)."""
    told = []
    if fresh:
        told.append(
            "The starting checkpoint has no optimizer state, so every arm, the baseline too, starts with fresh "
            "Adam moments: compare arms with their baseline, not with the published run."
        )
    if rows_per_step is not None:
        some = "first row" if rows_per_step == 1 else f"first {rows_per_step:,} rows"
        ratio = batch_size / rows_per_step
        rate = "" if learning_rate else ", at the learning rate of the whole batch"
        told.append(
            f"Each step trains on the {some} of its {batch_size:,}: a batch {ratio:,.3g} times smaller, whose "
            f"gradient is about {ratio**0.5:,.2g} times as noisy{rate}. Heads are born later on so few rows, if "
            "at all while you look."
        )
    if learning_rate is not None:
        told.append(f"The learning rate is {learning_rate:g} instead of the study's own.")
    return told


def retrain_folder(study: str, name: str) -> Path:
    """Where one retrain lies. Raises UserError for an id that is no plain name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}", name):
        raise UserError(
            f"'{name[:80]}' is not the id of a retrain; `mda study show STUDY` lists those of a study."
        )
    return study_folder(study) / "retrains" / name


def list_retrains(study: str) -> list[Retrain]:
    """The whole retrains of a study, newest first."""
    found = list_artefacts(study_folder(study) / "retrains", KIND)
    return [Retrain(study, folder.name, manifest, folder) for folder, manifest in found]


def find_retrain(name: str) -> Retrain:
    """The retrain of that id in whichever study. Raises UserError where there is none."""
    retrain_folder("any", name)
    for folder in sorted(cache_root().glob(f"*/retrains/{name}")):
        return Retrain(folder.parents[1].name, name, open_artefact(folder, KIND), folder)
    raise UserError(f"There is no retrain '{name}'; `mda study show STUDY` lists those of a study.")
