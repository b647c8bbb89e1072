"""Small models trained on one of two orders of rows that both are on a hub."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache

import numpy as np
from hub_server import HubServer
from publishing import index, shards
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from mda.checkpoints.folder import save_checkpoint
from mda.hub.preshuffled import DEDUPED, STANDARD
from mda.store.artefact import building
from mda.store.paths import study_folder
from mda.studies.study import KIND, OWN_CHECKPOINTS, HubRows, Study, StudyFacts
from mda.training.loop import Plan, train
from mda.training.recipe import Recipe, new_model, new_optimizer

COUNT, LENGTH, VOCABULARY, BATCH = 800, 17, 3000, 16
STEPS = (0, 8, 20, 40)
RECIPE = Recipe(batch_size=BATCH, learning_rate=5e-3, weight_decay=0.1)


def rows_of(seed: int) -> np.ndarray:
    """Ids with a long tail: half of them come up less than once in two hundred rows."""
    draw = np.random.default_rng(seed)
    return (VOCABULARY * draw.random((COUNT, LENGTH)) ** 4).astype(np.uint16)


def publish(hub: HubServer) -> dict[str, str]:
    """Both orders on the hub; their commits by name."""
    commits = {}
    for seed, name in enumerate((STANDARD, DEDUPED)):
        files = {**shards(rows_of(seed).tobytes(), (5000,)), "document.idx": index(np.full(COUNT, LENGTH))}
        commits[name] = hub.add_repo("dataset", name, {"main": files})["main"]
    return commits


def trained_study(name: str, commit: str, seed: int | None, steps: Sequence[int] = STEPS) -> Study:
    """A study of the standard order whose model was trained on the rows of this seed, or not at all."""
    facts = StudyFacts(
        batch_size=BATCH,
        seq_len=LENGTH - 1,
        vocab_size=VOCABULARY,
        rows=COUNT,
        trained=steps[-1] * BATCH,
        held_out=(steps[-1] * BATCH, COUNT),
        kinds=None,
        probe_ids=list(range(1, VOCABULARY)),
        start_id=0,
        checkpoints=OWN_CHECKPOINTS,
        recipe=RECIPE,
        preshuffled=HubRows(repo=STANDARD, commit=commit),
    )
    with building(study_folder(name) / "study", KIND, {"name": name, "steps": list(steps)}) as work:
        for step in steps:
            model = _trained(seed)[step if seed is not None else 0]
            save_checkpoint(work.folder / OWN_CHECKPOINTS / f"step{step}", model, new_optimizer(model, RECIPE))
        work.finish(facts.model_dump())
    return Study.open(name)


@cache
def _trained(seed: int | None) -> dict[int, GPTNeoXForCausalLM]:
    """The model at all of `STEPS`; untrained it is the same at each, and only given once."""
    config = GPTNeoXConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=LENGTH,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = new_model(config, seed=0)
    found = {0: copy.deepcopy(model)}
    if seed is not None:
        rows, optimizer = rows_of(seed), new_optimizer(model, RECIPE)
        for step, _ in train(model, optimizer, Plan(lambda n: rows[n]), RECIPE, 0, STEPS[-1]):
            if step in STEPS:
                found[step] = copy.deepcopy(model)
    return found
