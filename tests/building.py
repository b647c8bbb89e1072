"""A tiny study to test with: a real model and real training, small enough for seconds.

2 layers of 2 heads and d_model 16 on demo rows cut to 33 ids; 4 rows a step; checkpoints with optimizer state at
steps 0, 10, 20; 80 training rows with kinds and text, 16 held out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from transformers import GPTNeoXConfig

from mda.checkpoints.folder import save_checkpoint
from mda.corpora.demo.generate import KINDS, demo_rows
from mda.corpora.demo.vocabulary import TOKENS, demo_tokenizer
from mda.store.paths import cache_root
from mda.studies.add import ADDED_RECIPE, add_study
from mda.studies.study import Study
from mda.training.loop import Plan, train
from mda.training.recipe import Recipe, new_model, new_optimizer

STEPS = (0, 10, 20)
BATCH_SIZE = 4
TRAINED = STEPS[-1] * BATCH_SIZE
ROWS = TRAINED + 16
SEQ_LEN = 32


def tiny_model_config(vocab: int = len(TOKENS), d_model: int = 16, positions: int = SEQ_LEN) -> GPTNeoXConfig:
    """The tiny model's configuration; its vocabulary is the demo's."""
    return GPTNeoXConfig(
        vocab_size=vocab,
        hidden_size=d_model,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * d_model,
        max_position_embeddings=positions,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5},
        use_parallel_residual=True,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=0,
    )


def tiny_sources(folder: Path) -> Path:
    """What a user would bring: `checkpoints/step0 …`, `rows.parquet` (input_ids, kind) and `tokenizer/`."""
    tokens, kinds, _ = demo_rows(0, 0, ROWS)
    tokens = np.ascontiguousarray(tokens[:, : SEQ_LEN + 1])
    folder.mkdir(parents=True)
    table = {"input_ids": [row.tolist() for row in tokens], "kind": [KINDS[kind] for kind in kinds]}
    pd.DataFrame(table).to_parquet(folder / "rows.parquet")
    demo_tokenizer().save_pretrained(folder / "tokenizer")
    recipe = Recipe(batch_size=BATCH_SIZE, **ADDED_RECIPE)
    model = new_model(tiny_model_config(), seed=3)
    optimizer = new_optimizer(model, recipe)
    save_checkpoint(folder / "checkpoints" / "step0", model, optimizer)
    for step, _ in train(model, optimizer, Plan(lambda n: tokens[n]), recipe, 0, STEPS[-1]):
        if step in STEPS:
            save_checkpoint(folder / "checkpoints" / f"step{step}", model, optimizer)
    return folder


def tiny_study(cache: Path, name: str) -> Study:
    """The tiny study under this name. `MDA_CACHE` must be `cache`; its sources lie beside that folder."""
    assert cache_root() == cache.resolve(), "point MDA_CACHE at the cache first"
    sources = cache.parent / f"{name}-sources"
    if not sources.exists():
        tiny_sources(sources)
    return add_study(
        name, sources / "checkpoints", sources / "rows.parquet", sources / "tokenizer", batch_size=BATCH_SIZE
    )
