"""`mda demo`: the generated corpus, a model trained on it with a checkpoint every 100 steps, its head scores,
and a first attribution, so that every page has something to show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict, Field

from mda.checkpoints.folder import save_checkpoint
from mda.corpora.demo.generate import KINDS, SEQ_LEN, demo_rows
from mda.corpora.demo.vocabulary import END_OF_TEXT, ID, NAME_IDS, TOKENS, demo_tokenizer
from mda.evidence.births import births
from mda.heads.geometry import Head
from mda.progress import Progress
from mda.store.artefact import building
from mda.store.paths import study_folder
from mda.store.tensors import map_array, write_tensors
from mda.studies.study import KIND, OWN_CHECKPOINTS, ROWS, TOKENIZER, StudyFacts
from mda.training.loop import Plan, train
from mda.training.recipe import DEMO_RECIPE, demo_config
from mda.workflows.attribute import attribute
from mda.workflows.attribution_task import AttributeRequest
from mda.workflows.building import config_spec, last_checkpoint
from mda.workflows.head_scores import CheckpointScorer, HeadsRequest, head_table, score_heads
from mda.workflows.live import live_scores

CHECKPOINT_EVERY = 100
HELD_OUT_ROWS = 512
CORPUS_SEED = 0
CORPUS_PIECE = 2000  # rows made between two signs of progress


class DemoRequest(BaseModel):
    """`mda demo`. Seed 0 is the demo; another trains the same corpus from another start, as `demo-seedN`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, ge=0)
    steps: int = Field(default=1600, ge=CHECKPOINT_EVERY, multiple_of=CHECKPOINT_EVERY)

    @property
    def study(self) -> str:
        """Name of the study that is built."""
        return "demo" if self.seed == 0 else f"demo-seed{self.seed}"


def build_demo(request: DemoRequest, progress: Progress) -> dict[str, Any]:
    """Build the demo study, or go on from its last whole checkpoint; then score its heads and attribute.

    Bit-identical weights for the same request, machine and number of threads, interrupted or not. Returns the
    study's name, its born heads and the first attribution.
    """
    name = request.study
    progress.plan(corpus=0.06, train=0.62, heads=0.07, attribute=0.25)
    spec = {
        "origin": "demo",
        "corpus_seed": CORPUS_SEED,
        "seed": request.seed,
        "steps": request.steps,
        "recipe": DEMO_RECIPE.model_dump(),
        "config": config_spec(demo_config(len(TOKENS), SEQ_LEN)),
    }
    with building(study_folder(name) / "study", KIND, spec) as work:
        if not work.ready:
            facts = demo_facts(request.steps)
            _write_corpus(work.folder, facts.rows, progress)
            demo_tokenizer().save_pretrained(work.folder / TOKENIZER)
            _train(work.folder, facts, request, progress)
            work.finish(facts.model_dump())
    score_heads(HeadsRequest(study=name), progress)
    born = births(head_table(name))
    asked = first_question(name, born, request.steps)
    return {
        "study": name,
        "births": born.to_dict("records"),
        "attribution": attribute(asked, progress)["id"] if asked else None,
    }


def first_question(study: str, born: pd.DataFrame, last_step: int) -> AttributeRequest | None:
    """The attribution that every demo begins with: the best induction head, around its birth, through all heads.

    Two checkpoints about the birth are summed; rows from 500 steps before it to 200 after. None where no
    induction head was born.
    """
    heads = born[(born["score"] == "prefix_matching") & born["birth_step"].notna()]
    if heads.empty:
        return None
    best = heads.sort_values("final").iloc[-1]
    birth = round(float(best["birth_step"]) / CHECKPOINT_EVERY) * CHECKPOINT_EVERY
    steps = sorted({max(CHECKPOINT_EVERY, birth - 2 * CHECKPOINT_EVERY), birth})
    window = max(0, birth - 500), min(last_step, birth + 200)
    return AttributeRequest(
        study=study,
        steps=tuple(steps),
        head=str(Head(int(best["layer"]), int(best["head"]))),
        through="all",
        rows=(window[0] * DEMO_RECIPE.batch_size, window[1] * DEMO_RECIPE.batch_size),
    )


def demo_facts(steps: int) -> StudyFacts:
    """The facts of a demo study trained for `steps`: rows in order, then those that no checkpoint has seen."""
    trained = steps * DEMO_RECIPE.batch_size
    return StudyFacts(
        batch_size=DEMO_RECIPE.batch_size,
        seq_len=SEQ_LEN,
        vocab_size=len(TOKENS),
        rows=trained + HELD_OUT_ROWS,
        trained=trained,
        held_out=(trained, trained + HELD_OUT_ROWS),
        kinds=list(KINDS),
        probe_ids=list(NAME_IDS),
        start_id=ID[END_OF_TEXT],
        checkpoints=OWN_CHECKPOINTS,
        recipe=DEMO_RECIPE,
    )


def _write_corpus(folder: Path, rows: int, progress: Progress) -> None:
    progress.stage("corpus", rows, rows if (folder / ROWS).exists() else 0)
    if (folder / ROWS).exists():
        return
    pieces = []
    for start in range(0, rows, CORPUS_PIECE):
        stop = min(rows, start + CORPUS_PIECE)
        pieces.append(demo_rows(CORPUS_SEED, start, stop))
        progress.advance(stop - start)
    tokens, kinds, repetition = (np.concatenate(part) for part in zip(*pieces, strict=True))
    arrays = {"tokens": tokens, "kinds": kinds, "repetition": repetition}
    write_tensors(folder / ROWS, {name: torch.from_numpy(array) for name, array in arrays.items()})


def _train(folder: Path, facts: StudyFacts, request: DemoRequest, progress: Progress) -> None:
    """Train from the last whole checkpoint; live head scores go out with every checkpoint."""
    rows = map_array(folder / ROWS, "tokens")
    scorer = CheckpointScorer.of(facts, rows)
    checkpoints = folder / OWN_CHECKPOINTS
    config = demo_config(facts.vocab_size, facts.seq_len)
    model, optimizer, start = last_checkpoint(checkpoints, config, facts.recipe, request.seed)
    progress.stage("train", request.steps, start)
    for step, loss in train(model, optimizer, Plan(lambda n: rows[n]), facts.recipe, start, request.steps):
        if step % CHECKPOINT_EVERY == 0:
            save_checkpoint(checkpoints / f"step{step}", model, optimizer)
            heads, models = scorer.score(model)
            progress.record(step=step, loss=loss, **live_scores(heads), **models)
        progress.advance()
