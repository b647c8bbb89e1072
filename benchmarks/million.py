"""A study of a million rows with an attribution of them all, to measure pages with; its scores are random numbers.

Model, checkpoints, head scores and directions are the demo's; the rows are the demo's, tiled, with every tenth
token replaced, so that they repeat and decode like text without being equal.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mda.store.artefact import building
from mda.store.atomic import write_json
from mda.store.paths import study_folder
from mda.store.tables import write_parquet
from mda.store.tensors import write_tensors
from mda.studies.attributions import KIND as ATTRIBUTION
from mda.studies.attributions import SCORES, list_attributions
from mda.studies.study import KIND, ROWS, TOKENIZER, Study
from mda.workflows.head_scores import heads_folder

NAME = "million"
ROW_COUNT = 1_000_000


def build(demo: str = "demo") -> str:
    """Make the study from the demo in the same cache (or find it); returns the attribution's id."""
    source = Study.open(demo)
    rng = np.random.default_rng(0)
    with building(study_folder(NAME) / "study", KIND, {"origin": "benchmark", "rows": ROW_COUNT}) as work:
        if not work.ready:
            take = np.arange(ROW_COUNT) % len(source.rows)
            tokens = np.asarray(source.rows[take])
            ordinary = np.asarray(source.facts.probe_ids, dtype=tokens.dtype)
            noise = rng.random(tokens.shape, dtype=np.float32) < 0.1
            tokens[noise] = rng.choice(ordinary, int(noise.sum()))
            tensors = {"tokens": torch.from_numpy(tokens)}
            kinds = source.kind_codes(take)
            if kinds is not None:
                tensors["kinds"] = torch.from_numpy(kinds)
            write_tensors(work.folder / ROWS, tensors)
            shutil.copytree(source.folder / TOKENIZER, work.folder / TOKENIZER, dirs_exist_ok=True)
            changed = {
                "rows": ROW_COUNT,
                "trained": ROW_COUNT,
                "held_out": (0, 256),
                "checkpoints": str((source.folder / source.facts.checkpoints).resolve()),
            }
            work.finish({**source.facts.model_dump(), **changed})
    study = Study.open(NAME)
    if not heads_folder(NAME).exists():
        shutil.copytree(heads_folder(demo), heads_folder(NAME))
        settings = heads_folder(NAME) / "settings.json"
        known = json.loads(settings.read_text())
        known["settings"]["study"] = study.manifest.identity
        write_json(settings, known)
    return _attribution(study, demo, rng)


def _attribution(study: Study, demo: str, rng: np.random.Generator) -> str:
    """An attribution like the demo's newest, of every row."""
    like = list_attributions(demo)[0]
    spec = {**like.manifest.spec, "study": study.manifest.identity, "rows": [0, ROW_COUNT]}
    folder = study_folder(study.name) / "attributions" / f"million-{like.id}"
    with building(folder, ATTRIBUTION, spec) as work:
        if not work.ready:
            shutil.copytree(like.folder, work.folder, dirs_exist_ok=True, ignore=_only_directions)
            write_parquet(_scores(like.scores().columns, study, rng), work.folder / SCORES)
            work.finish({**like.manifest.result, "rows": ROW_COUNT})
    return folder.name


def _scores(columns: pd.Index, study: Study, rng: np.random.Generator) -> pd.DataFrame:
    rows = np.arange(ROW_COUNT)
    table = {"row": rows, "step": study.step_of(rows)}
    table |= {name: rng.standard_t(3, ROW_COUNT).astype(np.float32) for name in columns if name not in table}
    return pd.DataFrame(table)[list(columns)]


def _only_directions(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not Path(name).name.startswith("directions")]
