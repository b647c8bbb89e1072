"""Adding a study from a folder of checkpoints and a file of rows."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GPTNeoXConfig, PreTrainedTokenizerFast

from mda.checkpoints.folder import find_steps, load_model, read_config, weights_digest
from mda.corpora.files import RowFile, read_rows
from mda.errors import UserError
from mda.store.artefact import Manifest, building
from mda.store.atomic import disk_errors
from mda.store.identity import array_digest
from mda.store.paths import study_folder
from mda.store.tensors import write_tensors
from mda.studies.study import KIND, ROWS, TOKENIZER, Study, StudyFacts
from mda.training.recipe import Recipe

DEFAULT_BATCH_SIZE = 1024  # Pythia's rows a step
HELD_OUT_ROWS = 256
# Pythia's embedding is padded: of its ids only the tokenizer's 50277 ever occur, the others stay untrained.
PYTHIA_TOKENS = {50304: 50277}
LONGEST_PACKED_ROW = 2048

# Pythia's published settings that do not depend on the model's size; the learning rate does, and 1e-3 is that
# of its smallest models. Retrains of an added study use them.
ADDED_RECIPE: dict[str, Any] = {
    "learning_rate": 1e-3,
    "beta2": 0.95,
    "weight_decay": 0.1,
    "warmup_steps": 0,
}


def add_study(name: str, checkpoints: Path, rows: Path, tokenizer: Path | None, batch_size: int | None) -> Study:
    """Check checkpoints and rows, and copy the rows into the store; the checkpoints stay where they are.

    Raises UserError for anything that does not fit together; then nothing is kept.
    """
    folder = study_folder(name)
    size = DEFAULT_BATCH_SIZE if batch_size is None else batch_size
    if size < 1:
        raise UserError(f"--batch-size {size} is not a number of rows; give 1 or more.")
    steps = find_steps(checkpoints.expanduser().resolve())
    configs = {step: read_config(path) for step, path in steps.items()}
    config = _same(configs)
    reader = _tokenizer(tokenizer, config) if tokenizer else None
    load_model(next(iter(steps.values())))  # damage is better met now than in an hour
    # one id more than the model sees: the last is only ever a target
    longest = min(config.max_position_embeddings, LONGEST_PACKED_ROW) + 1
    found = read_rows(rows.expanduser().resolve(), config.vocab_size, longest, reader)
    if found.tokens.shape[1] > config.max_position_embeddings + 1:
        raise UserError(
            f"{rows} has rows of {found.tokens.shape[1]} ids, and the model sees at most "
            f"{config.max_position_embeddings} positions; cut the rows to {config.max_position_embeddings + 1}."
        )
    facts = _facts(found, config, max(steps), size, str(checkpoints.expanduser().resolve()), reader)
    spec = {
        "origin": "folder",
        "rows": array_digest(found.tokens),
        "kinds": found.kinds is not None and array_digest(_kind_numbers(found)),
        "tokenizer": reader and hashlib.sha256(reader.backend_tokenizer.to_str().encode()).hexdigest(),
        "batch_size": size,
        "weights": {str(step): weights_digest(path) for step, path in steps.items()},
    }
    with building(folder / "study", KIND, spec) as work:
        if not work.ready:
            _write(work.folder, found, reader)
            work.finish(facts.model_dump())
        assert isinstance(work.manifest, Manifest)
        if (there := work.manifest.result["checkpoints"]) != facts.checkpoints:
            raise UserError(
                f"Study '{name}' is there already, with its checkpoints in {there}; if they moved, delete "
                f"{work.final} and add it again (its results stay valid), or choose another name."
            )
    return Study.open(name)


def _same(configs: dict[int, GPTNeoXConfig]) -> GPTNeoXConfig:
    first, *others = configs.items()
    for step, config in others:
        for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"):
            if getattr(config, key) != getattr(first[1], key):
                raise UserError(
                    f"step{step} has {key} {getattr(config, key)} and step{first[0]} "
                    f"has {getattr(first[1], key)}; "
                    "all checkpoints must be of one model."
                )
    return first[1]


def _tokenizer(path: Path, config: GPTNeoXConfig) -> PreTrainedTokenizerFast:
    try:
        reader = PreTrainedTokenizerFast.from_pretrained(path.expanduser(), local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} is not a tokenizer ({str(error).splitlines()[0][:120]}); give a folder with tokenizer.json."
        ) from None
    if len(reader) > config.vocab_size:
        raise UserError(
            f"The tokenizer has {len(reader)} tokens and the model {config.vocab_size}; they do not fit."
        )
    return reader


def _kind_numbers(found: RowFile) -> np.ndarray:
    names = sorted(set(found.kinds or []))
    if len(names) > 255:
        raise UserError(f"The column 'kind' has {len(names)} different values; at most 255 are kinds of text.")
    return np.array([names.index(kind) for kind in found.kinds or []], dtype=np.uint8)


def _facts(
    found: RowFile,
    config: GPTNeoXConfig,
    last_step: int,
    batch_size: int,
    checkpoints: str,
    reader: PreTrainedTokenizerFast | None,
) -> StudyFacts:
    count = len(found.tokens)
    trained = min(count, last_step * batch_size) if last_step else count
    # a study of one checkpoint without a step says nothing of what it has seen; all rows then stand for both
    unseen = trained if last_step else 0
    special = set(reader.all_special_ids) if reader else set()
    special |= {i for i in (config.eos_token_id, config.bos_token_id) if isinstance(i, int)}
    used = len(reader) if reader else PYTHIA_TOKENS.get(config.vocab_size, config.vocab_size)
    ordinary = [token for token in range(used) if token not in special]
    return StudyFacts(
        batch_size=batch_size,
        seq_len=found.tokens.shape[1] - 1,
        vocab_size=config.vocab_size,
        rows=count,
        trained=trained,
        held_out=(unseen, min(count, unseen + HELD_OUT_ROWS)),
        kinds=sorted(set(found.kinds)) if found.kinds else None,
        probe_ids=ordinary,
        start_id=config.eos_token_id if isinstance(config.eos_token_id, int) else 0,
        checkpoints=checkpoints,
        recipe=Recipe(batch_size=batch_size, **ADDED_RECIPE),
    )


def _write(folder: Path, found: RowFile, reader: PreTrainedTokenizerFast | None) -> None:
    tensors = {"tokens": torch.from_numpy(np.ascontiguousarray(found.tokens))}
    if found.kinds is not None:
        tensors["kinds"] = torch.from_numpy(_kind_numbers(found))
    with disk_errors():
        write_tensors(folder / ROWS, tensors)
        if reader is not None:
            shutil.rmtree(folder / TOKENIZER, ignore_errors=True)
            reader.save_pretrained(folder / TOKENIZER)
