"""Stored attributions: finding them, their tables of scores, and the influence of a row's tokens on demand."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mda.device import best_device
from mda.errors import UserError
from mda.heads.blocks import Block
from mda.heads.geometry import Head
from mda.influence.score import Scorer, in_format
from mda.store.artefact import Manifest, list_artefacts, open_artefact
from mda.store.paths import cache_root, study_folder
from mda.store.tables import read_parquet
from mda.store.tensors import read_tensors
from mda.studies.row_choice import RowChoice
from mda.studies.study import Study

KIND = "attribution"
SCORES = "scores.parquet"
MAIN = "main"  # the set of directions that scores rows; the others only measured reliability

_CURVATURES = {"ekfac": "EK-FAC", "kfac": "K-FAC", "identity": "no curvature"}

# Below this rank agreement a ranking says more about its seeds than about the data.
LOW_RELIABILITY = 0.8
# Below this one the number format decides which rows come first.
LOW_BFLOAT16 = 0.95


@dataclass
class Attribution:
    """One stored attribution of a study."""

    study: str
    id: str
    manifest: Manifest
    folder: Path = field(repr=False)

    @property
    def steps(self) -> list[int]:
        """The checkpoints whose scores were summed."""
        return [int(step) for step in self.manifest.result["steps"]]

    @property
    def heads(self) -> list[Head]:
        """The heads that carry the influence: one column each where there are several."""
        return [Head.parse(name) for name in self.manifest.result["columns"]]

    @property
    def choice(self) -> RowChoice:
        """Which rows were scored."""
        spec = self.manifest.spec
        start, stop = spec["rows"]
        return RowChoice(start=start, stop=stop, sample=spec.get("sample"), per_step=spec.get("per_step"))

    @property
    def rows(self) -> tuple[int, int]:
        """The range [start, stop) that the scored rows lie in; all of it where nothing else was chosen."""
        return self.choice.start, self.choice.stop

    @cached_property
    def row_numbers(self) -> np.ndarray:
        """Numbers of the scored rows, ascending int64."""
        choice = self.choice
        if choice.sample is None and choice.per_step is None:
            return np.arange(*self.rows)
        return read_parquet(self.folder / SCORES, ["row"])["row"].to_numpy()

    def covers(self, rows: np.ndarray) -> np.ndarray:
        """Which of the rows [n] were scored: bool [n]."""
        known, asked = self.row_numbers, np.asarray(rows)
        return known[np.minimum(np.searchsorted(known, asked), len(known) - 1)] == asked

    def scores_of(self, rows: np.ndarray) -> np.ndarray:
        """Scores float64 [n] of the rows [n]. Raises UserError where one was not scored."""
        if not self.covers(rows).all():
            raise UserError(
                f"Attribution {self.id} did not score row {np.asarray(rows)[~self.covers(rows)][0]}; it scored "
                f"{self.choice.words}."
            )
        table = read_parquet(self.folder / SCORES, ["row", "score"])
        return table["score"].to_numpy()[np.searchsorted(table["row"].to_numpy(), rows)]

    @cached_property
    def title(self) -> str:
        """One line for a list: what was asked, through which parameters, at which steps, of which rows."""
        spec = self.manifest.spec
        heads = self._counted(spec["heads"]) if len(spec["heads"]) > 3 else " + ".join(spec["heads"])
        through = "" if spec["through"] == spec["heads"] else f" through {self._counted(spec['through'])}"
        blocks = "" if spec["blocks"] == "qkvo" else f" · {spec['blocks']} blocks"
        steps = f"step{'s' * (len(self.steps) > 1)} {' + '.join(map(str, self.steps))}"
        form = "" if spec["dtype"] == "float32" else f" · {spec['dtype']}"
        return (
            f"{spec['probe'].replace('_', ' ')} of {heads}{through} "
            f"· {curvature_words(spec['curvature'])}{blocks} · {steps} · {self.choice.words}{form}"
        )

    def _counted(self, heads: list[str]) -> str:
        """`L1H0`, `3 heads`, `all 8 heads`."""
        if len(heads) == 1:
            return heads[0]
        with suppress(UserError):  # a study that cannot be read still has a list of what was made of it
            if len(heads) == len(Study.open(self.study).sizes.all_heads()):
                return f"all {len(heads)} heads"
        return f"{len(heads)} heads"

    @property
    def doubts(self) -> list[str]:
        """Plain warnings where the ranking depends on seeds, or on the number format, more than it should."""
        found = []
        reliability = self.manifest.result["reliability"]
        for key, what in (
            ("probe_halves", "the two halves of the probe"),
            ("label_seeds", "two fits of the curvature"),
        ):
            value = reliability[key]
            if value is None or not value >= LOW_RELIABILITY:
                shown = "undefined" if value is None else f"{value:.2f}"
                found.append(
                    f"Low reliability: the rankings from {what} agree only at Spearman {shown}; "
                    "read single rows with care."
                )
        if "bfloat16" in reliability and not (reliability["bfloat16"] or 0.0) >= LOW_BFLOAT16:
            agree = reliability["bfloat16"]
            shown = "undefined" if agree is None else f"{agree:.2f}"
            found.append(
                f"Low precision: the rankings in bfloat16 and in float32 agree only at Spearman {shown}; make it "
                "again with --dtype float32."
            )
        return found

    def scores(self) -> pd.DataFrame:
        """Columns row, step (where the study's rows have one), score, the heads' where there are several,
        `score_at_<step>` likewise, repeated (share, float32) and kind (where the study has kinds).

        Attributions made by earlier versions lack the last two.
        """
        return read_parquet(self.folder / SCORES)

    def ranked(self, count: int, bottom: bool = False) -> pd.DataFrame:
        """The `count` rows that promote most, or with `bottom` suppress most; ties go to the earlier row."""
        return self.scores().sort_values(["score", "row"], ascending=[bottom, True]).head(count)

    def token_influence(self, row: int) -> np.ndarray:
        """Influence [T] of each position of one row, summed over steps and heads; adds up to the row's score.

        Loads the checkpoints: a second or so on a small model.
        """
        study = Study.open(self.study)
        study.check_range(row, row + 1)
        total = np.zeros(study.facts.seq_len)
        for step in self.steps:
            directions = read_directions(self.folder, step)[MAIN]
            model = in_format(study.load(step, best_device()), self.manifest.spec["dtype"])
            with Scorer(model, [directions], self.heads) as scorer:
                total += scorer.tokens(study.rows[row : row + 1])[0, :, 0].sum(0)
        return total


def curvature_words(name: str) -> str:
    """A curvature as the field calls it: `EK-FAC`."""
    return _CURVATURES.get(name, f"{name} curvature")


def directions_path(folder: Path, step: int) -> Path:
    """The file of directions of an attribution at one step."""
    return folder / f"directions-step{step}.safetensors"


def read_directions(folder: Path, step: int) -> dict[str, dict[Block, torch.Tensor]]:
    """The stored sets of directions at one step by name, `MAIN` among them."""
    sets: dict[str, dict[Block, torch.Tensor]] = {MAIN: {}}
    for key, matrix in read_tensors(directions_path(folder, step)).items():
        name, _, block = key.partition("/")
        sets.setdefault(name, {})[Block.parse(block)] = matrix
    return sets


def attribution_folder(study: str, name: str) -> Path:
    """Where one attribution lies. Raises UserError for an id that is no plain name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}", name):
        raise UserError(
            f"'{name[:80]}' is not the id of an attribution; `mda study show STUDY` lists those of a study."
        )
    return study_folder(study) / "attributions" / name


def list_attributions(study: str) -> list[Attribution]:
    """The whole attributions of a study, newest first."""
    found = list_artefacts(study_folder(study) / "attributions", KIND)
    return [Attribution(study, folder.name, manifest, folder) for folder, manifest in found]


def open_attribution(study: str, name: str) -> Attribution:
    """One attribution of a study. Raises UserError where there is none of that id."""
    folder = attribution_folder(study, name)
    if not folder.is_dir():
        raise UserError(
            f"Study '{study}' has no attribution '{name}'; `mda study show {study}` lists those there are."
        )
    return Attribution(study, name, open_artefact(folder, KIND), folder)


def find_attribution(name: str) -> Attribution:
    """The attribution of that id in whichever study. Raises UserError where there is none."""
    attribution_folder("any", name)
    for folder in sorted(cache_root().glob(f"*/attributions/{name}")):
        return open_attribution(folder.parents[1].name, name)
    raise UserError(f"There is no attribution '{name}'; `mda study show STUDY` lists those of a study.")
