"""`mda heads`: the scores of all heads and of the model at checkpoints, in two tables filled step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict

from mda.checkpoints.folder import load_model
from mda.checkpoints.hub import NoWeights
from mda.checkpoints.in_turn import in_turn
from mda.corpora.rows import RowSource
from mda.device import best_device
from mda.errors import UserError
from mda.heads.model_scores import MODEL_SCORES, held_out_scores, induction_loss
from mda.heads.scores import HEAD_SCORES, head_scores
from mda.heads.sequences import RepeatedBatch, repeated_batches, spread_periods
from mda.progress import Progress
from mda.store.atomic import disk_errors, write_json
from mda.store.identity import array_digest, identity
from mda.store.paths import refuse_if_read_only, study_folder
from mda.store.tables import read_parquet, write_parquet
from mda.studies.study import Study, StudyFacts
from mda.workflows.download import needed

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

SEQUENCES = 64
# Scores are evaluated on other sequences than probes are differentiated on: this seed is kept for them.
EVALUATION_SEED = 20_220_924
HELD_OUT_BATCH = 65_536  # tokens of held-out rows that run at once

HEAD_TABLE = "head_scores.parquet"
MODEL_TABLE = "model_scores.parquet"
_SETTINGS = "settings.json"


# The field's other settings, for comparison with published scores: one fixed period, and how many copies of it.
# Olsson et al. 2022 use 25 tokens four times, TransformerLens' demos and ARENA 50 tokens twice.
PRESETS: dict[str, tuple[int, int] | None] = {"varied": None, "olsson": (25, 4), "transformer-lens": (50, 2)}


class HeadsRequest(BaseModel):
    """`mda heads STUDY [--steps …] [--preset …]`; no steps = every checkpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    steps: tuple[int, ...] | None = None
    preset: Literal["varied", "olsson", "transformer-lens"] = "varied"


@dataclass
class CheckpointScorer:
    """Scores one model after another on the same sequences and the same held-out rows."""

    batches: list[RepeatedBatch]
    held_out: np.ndarray

    @staticmethod
    def of(facts: StudyFacts, rows: RowSource, preset: str = "varied") -> CheckpointScorer:
        """The study's scorer: its probe tokens, periods that fit its rows (or the preset's), its held-out rows.

        Raises UserError where the preset's sequences do not fit the study.
        """
        fixed = PRESETS[preset]
        periods, copies = (spread_periods(facts.seq_len, len(facts.probe_ids)), 2)
        if fixed is not None:
            periods, copies = (fixed[0],), fixed[1]
            length, distinct = 1 + fixed[0] * fixed[1], len(facts.probe_ids)
            if length > facts.seq_len or fixed[0] > distinct:
                raise UserError(
                    f"The preset '{preset}' needs rows of {length} tokens and {fixed[0]} ordinary ids; this study "
                    f"has {facts.seq_len} and {distinct}. Use --preset varied."
                )
        batches = repeated_batches(facts.probe_ids, facts.start_id, periods, SEQUENCES, EVALUATION_SEED, copies)
        return CheckpointScorer(batches, rows[facts.held_out[0] : facts.held_out[1]])

    def settings(self) -> dict[str, Any]:
        """Everything that changes the numbers beside the model's weights."""
        return {
            "sequences": SEQUENCES,
            "periods": [batch.period for batch in self.batches],
            "tokens": [array_digest(batch.tokens.numpy()) for batch in self.batches],
            "held_out": array_digest(np.ascontiguousarray(self.held_out)),
            "scores": [*HEAD_SCORES, *MODEL_SCORES],
        }

    def score(self, model: GPTNeoXForCausalLM) -> tuple[pd.DataFrame, dict[str, float]]:
        """One line a head, and the model-level scores."""
        model.eval()
        return head_scores(model, self.batches), {
            "induction_loss": induction_loss(model, self.batches),
            **held_out_scores(model, self._chunks()),
        }

    def _chunks(self) -> Iterator[np.ndarray]:
        size = max(1, HELD_OUT_BATCH // self.held_out.shape[1])
        for start in range(0, len(self.held_out), size):
            yield self.held_out[start : start + size]


def score_heads(request: HeadsRequest, progress: Progress) -> dict[str, Any]:
    """Fill the study's two tables at the steps asked for; steps that are there already cost nothing.

    Checkpoints are brought here where they are not, the next while one is scored, and one model is in memory at a
    time. Returns the paths of the tables, the steps they now hold, and the steps without weights anywhere, which
    are skipped, with the reason. Raises UserError for unknown steps (nothing is computed then) and where another
    process fills the same tables.
    """
    study = Study.open(request.study)
    wanted = study.steps if request.steps is None else sorted(set(request.steps))
    for step in wanted:
        study.check_step(step)
    scorer = CheckpointScorer.of(study.facts, study.rows, request.preset)
    folder, device = heads_folder(study.name, request.preset), best_device()
    skipped: dict[str, str] = {}
    with _filling(folder, study, scorer):
        heads, models = head_table(study.name, request.preset), model_table(study.name, request.preset)
        missing = [step for step in wanted if step not in set(models["step"])]
        progress.stage("heads", len(wanted), len(wanted) - len(missing))
        if (first := needed(study.source, missing)).steps:
            progress.log(first.sentence)
        for step, checkpoint in in_turn(study.source, missing, lambda bytes_: progress.changed()):
            if isinstance(checkpoint, NoWeights):
                skipped[str(step)] = str(checkpoint)
                progress.log(str(checkpoint))
                progress.advance()
                continue
            study.weights_digest(step)  # refuses weights that changed
            frame, scores = scorer.score(load_model(checkpoint, device))
            frame.insert(0, "step", step)
            heads = pd.concat([heads[heads["step"] != step], frame]).sort_values(["step", "layer", "head"])
            models = pd.concat([models, pd.DataFrame([{"step": step, **scores}])]).sort_values("step")
            # a step counts as there once it is in the second table
            write_parquet(heads.reset_index(drop=True), folder / HEAD_TABLE)
            write_parquet(models.reset_index(drop=True), folder / MODEL_TABLE)
            progress.advance()
    return {
        "study": study.name,
        "head_scores": str(folder / HEAD_TABLE),
        "model_scores": str(folder / MODEL_TABLE),
        "steps": [int(step) for step in models["step"]],
        "skipped": skipped,
        "caveats": scores_caveats(models),
    }


def scores_caveats(models: pd.DataFrame) -> list[str]:
    """What to know of a table of model scores: where neighbours have the same scores to the last bit.

    Then they hold the same weights, one of them under a wrong name, and a birth between them is not to be read.
    """
    numbers = models.sort_values("step")
    same = numbers[list(MODEL_SCORES)].eq(numbers[list(MODEL_SCORES)].shift()).all(axis=1)
    runs = [run["step"] for _, run in numbers.groupby((~same).cumsum()) if len(run) > 1]
    return [
        f"Steps {steps.iloc[0]:,} to {steps.iloc[-1]:,} have the very same scores at their {len(steps)} "
        "checkpoints, which so hold the same weights: what changed between these steps cannot be told."
        for steps in runs
    ]


def downloads_first(request: HeadsRequest) -> str | None:
    """What scoring has to download, as a sentence, or None for nothing. Raises UserError for unknown steps."""
    study = Study.open(request.study)
    wanted = study.steps if request.steps is None else sorted({study.check_step(step) for step in request.steps})
    scored = set(model_table(study.name, request.preset)["step"])
    first = needed(study.source, [step for step in wanted if step not in scored])
    return first.sentence if first.steps else None


def heads_folder(study: str, preset: str = "varied") -> Path:
    """Where a study's tables of head scores lie: `heads`, and a folder beside it for each other preset."""
    return study_folder(study) / ("heads" if preset == "varied" else f"heads-{preset}")


def head_table(study: str, preset: str = "varied") -> pd.DataFrame:
    """Columns step, layer, head and the head scores; empty before any was computed."""
    path = heads_folder(study, preset) / HEAD_TABLE
    return read_parquet(path) if path.exists() else pd.DataFrame(columns=["step", "layer", "head", *HEAD_SCORES])


def model_table(study: str, preset: str = "varied") -> pd.DataFrame:
    """Columns step and the model-level scores; empty before any was computed."""
    path = heads_folder(study, preset) / MODEL_TABLE
    return read_parquet(path) if path.exists() else pd.DataFrame(columns=["step", *MODEL_SCORES])


def scored_study(study: str) -> str | None:
    """Identity of the study that the tables were made for; None where that cannot be told."""
    try:
        return str(json.loads((heads_folder(study) / _SETTINGS).read_text())["settings"]["study"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def _filling(folder: Path, study: Study, scorer: CheckpointScorer) -> Iterator[None]:
    """One process fills a study's tables at a time, and never with numbers of other settings."""
    refuse_if_read_only()
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        with disk_errors():
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
    except Timeout:
        raise UserError(
            f"Another process is scoring the heads of '{study.name}'; wait for it, or see `mda jobs list`."
        ) from None
    try:
        settings = {"study": study.manifest.identity, **scorer.settings()}
        path = folder / _SETTINGS
        if path.exists() and json.loads(path.read_text())["identity"] != identity(settings):
            raise UserError(
                f"The head scores in {folder} were made with other settings or for another study of this name; "
                "delete that folder to make them anew."
            )
        if not path.exists():
            write_json(path, {"identity": identity(settings), "settings": settings})
        yield
    finally:
        lock.release()
