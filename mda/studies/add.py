"""Adding a study from a folder of checkpoints, and what adding one from the hub has in common with that."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mda.checkpoints.folder import find_steps, load_model, read_config, weights_digest
from mda.errors import UserError
from mda.hub import pythia
from mda.store.artefact import Manifest, building
from mda.store.atomic import disk_errors
from mda.store.paths import study_folder
from mda.store.tensors import write_tensors
from mda.studies.row_sources import FoundRows, RowsAsked, find_rows, kind_numbers
from mda.studies.study import KIND, ROWS, TOKENIZER, Study, StudyFacts
from mda.training.recipe import Recipe

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig, PreTrainedTokenizerFast

HELD_OUT_ROWS = 256
# Fewer of long rows: one of 2048 tokens takes a CPU a second at Pythia-14M's size, at every checkpoint.
HELD_OUT_TOKENS = 131_072
# Pythia's embedding is padded: of its ids only the tokenizer's ever occur, the others stay untrained.
USED_TOKENS = {size.vocabulary: pythia.USED_TOKENS for size in pythia.SIZES}

# Pythia's published settings that do not depend on the model's size; the learning rate does, and 1e-3 is that
# of its smallest models. Retrains of an added study use them.
ADDED_RECIPE: dict[str, Any] = {
    "learning_rate": 1e-3,
    "beta2": 0.95,
    "weight_decay": 0.1,
    "warmup_steps": 0,
}


def add_study(
    name: str,
    checkpoints: Path,
    rows: Path | RowsAsked,
    tokenizer: Path | None,
    batch_size: int | None,
) -> Study:
    """Check checkpoints and rows, and copy the rows into the store; the checkpoints stay where they are.

    Raises UserError for anything that does not fit together; then nothing is kept.
    """
    folder = study_folder(name)
    size = check_batch_size(batch_size) or pythia.BATCH_SIZE
    checkpoints = checkpoints.expanduser().resolve()
    steps = find_steps(checkpoints)
    config = _same({step: read_config(path) for step, path in steps.items()})
    reader = read_tokenizer(tokenizer, config) if tokenizer else None
    load_model(next(iter(steps.values())))  # damage is better met now than in an hour
    asked = rows if isinstance(rows, RowsAsked) else RowsAsked(str(rows))
    found = find_rows(asked, None, config, reader)
    in_order = found.in_order and max(steps) > 0  # without steps nothing says when a row was seen
    trained, held_out = training_rows(found.count, max(steps) * size if in_order else None, found.length - 1)
    facts = StudyFacts(
        **shared_facts(found, config, reader),
        batch_size=size,
        trained=trained,
        held_out=held_out,
        in_order=in_order,
        checkpoints=str(checkpoints),
        recipe=Recipe(batch_size=size, **ADDED_RECIPE),
    )
    spec = {
        "origin": "folder",
        **found.origin,
        "tokenizer": tokenizer_digest(reader),
        "batch_size": size,
        "weights": {str(step): weights_digest(path) for step, path in steps.items()},
    }
    with building(folder / "study", KIND, spec) as work:
        if not work.ready:
            write_parts(work.folder, found, reader)
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


def training_rows(count: int, seen: int | None, seq_len: int) -> tuple[int, tuple[int, int]]:
    """How many of `count` rows were trained on, and the range of those that are held out.

    seen: rows that the last checkpoint has seen; None where nothing tells, and the last ones then stand for both.
    """
    held_out = max(1, min(HELD_OUT_ROWS, HELD_OUT_TOKENS // seq_len))
    if seen is None:
        return count, (max(0, count - held_out), count)
    trained = min(count, seen)
    return trained, (trained, min(count, trained + held_out))


def check_batch_size(batch_size: int | None) -> int | None:
    """The rows a step as given. Raises UserError where they are none."""
    if batch_size is not None and batch_size < 1:
        raise UserError(f"--batch-size {batch_size} is not a number of rows; give 1 or more.")
    return batch_size


def read_tokenizer(path: Path, config: GPTNeoXConfig, named: str | None = None) -> PreTrainedTokenizerFast:
    """The tokenizer in a folder, which errors call `named`. Raises UserError where there is none, or one with more
    tokens than the model."""
    from transformers import PreTrainedTokenizerFast

    try:
        reader = PreTrainedTokenizerFast.from_pretrained(path.expanduser(), local_files_only=True)
    except Exception as error:  # the library's own kinds, and those of tokenizers, which are bare exceptions
        raise UserError(
            f"{named or path} is not a tokenizer ({(str(error).splitlines() or [''])[0][:120]}); give a folder "
            "with tokenizer.json."
        ) from None
    if len(reader) > config.vocab_size:
        raise UserError(
            f"The tokenizer has {len(reader)} tokens and the model {config.vocab_size}; they do not fit."
        )
    return reader


def tokenizer_digest(reader: PreTrainedTokenizerFast | None) -> str | None:
    """sha256 of what the tokenizer does, None without one."""
    return None if reader is None else hashlib.sha256(reader.backend_tokenizer.to_str().encode()).hexdigest()


def shared_facts(
    found: FoundRows, config: GPTNeoXConfig, reader: PreTrainedTokenizerFast | None
) -> dict[str, Any]:
    """The facts of a study that its rows, the model's configuration and the tokenizer tell."""
    special = {i for i in (config.eos_token_id, config.bos_token_id) if isinstance(i, int)}
    if reader is not None:
        special |= {i for i, token in reader.added_tokens_decoder.items() if token.special}
        special |= set(reader.all_special_ids)
    used = len(reader) if reader else USED_TOKENS.get(config.vocab_size, config.vocab_size)
    kinds = found.stored.kinds if found.stored is not None else None
    return {
        "seq_len": found.length - 1,
        "vocab_size": config.vocab_size,
        "rows": found.count,
        "kinds": sorted(set(kinds)) if kinds else None,
        "probe_ids": [token for token in range(used) if token not in special],
        "start_id": config.eos_token_id if isinstance(config.eos_token_id, int) else pythia.EOD_ID,
        "preshuffled": found.there,
    }


def write_parts(folder: Path, found: FoundRows, reader: PreTrainedTokenizerFast | None) -> None:
    """Write the rows that are kept with a study, and its tokenizer."""
    with disk_errors():
        if found.stored is not None:
            tensors = {"tokens": torch.from_numpy(np.ascontiguousarray(found.stored.tokens))}
            if found.stored.kinds is not None:
                tensors["kinds"] = torch.from_numpy(kind_numbers(found.stored))
            write_tensors(folder / ROWS, tensors)
        if reader is not None:
            shutil.rmtree(folder / TOKENIZER, ignore_errors=True)
            reader.save_pretrained(folder / TOKENIZER)
