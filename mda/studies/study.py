"""An opened study: its checkpoints, its rows, and the few facts that every command needs of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from mda.checkpoints.folder import load_model, read_sizes
from mda.checkpoints.source import CheckpointSource, FolderCheckpoints
from mda.corpora.rows import RemoteRows, RowSource
from mda.errors import UserError
from mda.heads.geometry import Geometry
from mda.kinds.classify import KINDS, main_kind
from mda.spans import repeated_shares
from mda.store.artefact import Manifest, open_artefact
from mda.store.paths import cache_root, study_folder
from mda.store.tensors import map_array
from mda.text_pieces import token_pieces
from mda.training.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from transformers import GPTNeoXForCausalLM, PreTrainedTokenizerFast

KIND = "study"
ROWS = "rows.safetensors"
TOKENIZER = "tokenizer"
OWN_CHECKPOINTS = "checkpoints"
BUILT_HERE = ("demo", "local-text")  # commands that train a study of their own, and its origin
WEIGHTS_FOLDER = "weights"  # beside the study's artefact: what was brought from the hub, and may go again


class HubModel(BaseModel):
    """A model on the hub: its repository, and the commit (40 hex digits) of every step when it was added."""

    model_config = ConfigDict(frozen=True)

    repo: str
    commits: dict[int, str]


class HubRows(BaseModel):
    """Preshuffled training rows on the hub: the data set's repository and its commit (40 hex digits)."""

    model_config = ConfigDict(frozen=True)

    repo: str
    commit: str


class StudyFacts(BaseModel):
    """What a study's manifest says of it, beside the specification that made it.

    Rows [0, trained) were trained on in order; rows [held_out[0], held_out[1]) no checkpoint has seen.
    `checkpoints` is a path, relative ones being inside the study's folder; `hub` takes its place where the model
    is on the hub, and `preshuffled` that of the study's own rows where those are. `in_order` is False for text
    that the model was not trained on in this order, or not at all: then rows have no step. `probe_ids` are the
    tokens that head scores and probes draw from, `start_id` what their sequences begin with.
    """

    model_config = ConfigDict(frozen=True)

    batch_size: int
    seq_len: int
    vocab_size: int
    rows: int
    trained: int
    held_out: tuple[int, int]
    kinds: list[str] | None
    probe_ids: list[int]
    start_id: int
    checkpoints: str
    recipe: Recipe
    hub: HubModel | None = None
    preshuffled: HubRows | None = None
    in_order: bool = True


@dataclass
class Study:
    """A study on disk, read lazily. `name` is its folder's name in the cache."""

    name: str
    facts: StudyFacts
    manifest: Manifest
    folder: Path = field(repr=False)

    @staticmethod
    def open(name: str) -> Study:
        """Open a study. Raises UserError where there is none of that name, naming those there are."""
        folder = study_folder(name) / "study"
        if not folder.is_dir():
            known = ", ".join(list_studies()) or "none yet"
            raise UserError(f"There is no study '{name}' (there is: {known}); {_how_to_get(name)}.")
        manifest = open_artefact(folder, KIND)
        return Study(name, StudyFacts.model_validate(manifest.result), manifest, folder)

    @cached_property
    def source(self) -> CheckpointSource:
        """Where the study's checkpoints come from."""
        if self.facts.hub is None:
            return FolderCheckpoints(self.folder / self.facts.checkpoints)
        from mda.checkpoints.hub import HubCheckpoints

        hub = self.facts.hub
        return HubCheckpoints(hub.repo, hub.commits, self.folder, study_folder(self.name) / WEIGHTS_FOLDER)

    @property
    def steps(self) -> list[int]:
        """Steps that have a checkpoint, ascending."""
        return self.source.steps

    @cached_property
    def sizes(self) -> Geometry:
        """Sizes of the model's attention."""
        return read_sizes(self.source.config_folder)

    @cached_property
    def rows(self) -> RowSource:
        """Token ids [N, T + 1], read-only: mapped from disk or fetched as they are asked for, so that memory does
        not grow with N."""
        if self.facts.preshuffled is None:
            return map_array(self.folder / ROWS, "tokens")
        from mda.corpora.preshuffled.rows import PreshuffledRows

        there = self.facts.preshuffled
        facts = self.facts
        return PreshuffledRows(there.repo, there.commit, facts.rows, facts.seq_len + 1, facts.vocab_size)

    def rows_here(self, rows: np.ndarray) -> np.ndarray:
        """Which of the rows [n] are on this machine: bool [n]."""
        return self.rows.here(rows) if isinstance(self.rows, RemoteRows) else np.ones(len(rows), dtype=bool)

    def held_rows(self) -> np.ndarray:
        """Numbers of all rows that are on this machine, ascending."""
        return self.rows.held() if isinstance(self.rows, RemoteRows) else np.arange(self.facts.rows)

    @property
    def kinds(self) -> list[str] | None:
        """The kinds of text that rows can be of: those they are labelled with, else those that `mda.kinds` tells
        from their text; None where there is no text."""
        if self.facts.kinds is None and (self.folder / TOKENIZER).is_dir():
            return list(KINDS)
        return self.facts.kinds

    def kind_codes(self, rows: np.ndarray) -> np.ndarray | None:
        """The kind of each of the rows [n] as an index uint8 [n] into `kinds`; None where there are none.

        Without labels a row is of the kind with the largest share of its text (some ms a row of 2048 tokens).
        """
        if self.facts.kinds is not None:
            return np.asarray(map_array(self.folder / ROWS, "kinds")[rows])
        if self.tokenizer is None:
            return None
        texts = self.tokenizer.batch_decode(self.rows[rows])
        return np.array([KINDS.index(main_kind(text)) for text in texts], dtype=np.uint8)

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerFast | None:
        """The tokenizer that turns rows into text; None where the study has none."""
        from transformers import PreTrainedTokenizerFast  # takes a second, and not every page shows text

        folder = self.folder / TOKENIZER
        return PreTrainedTokenizerFast.from_pretrained(folder) if folder.is_dir() else None

    def check_step(self, step: int) -> int:
        """The step, where it has a checkpoint. Raises UserError naming the nearest steps there are."""
        if step not in self.steps:
            near = sorted(self.steps, key=lambda there: abs(there - step))[:3]
            raise UserError(
                f"Study '{self.name}' has no checkpoint at step {step}; the nearest are "
                f"{', '.join(map(str, sorted(near)))}."
            )
        return step

    def checkpoint(self, step: int) -> Path:
        """The folder of one checkpoint, brought here where it is not. Raises UserError as `check_step`, and where
        it cannot be had."""
        return self.source.folder(self.check_step(step))

    def load(self, step: int, device: torch.device | None = None) -> GPTNeoXForCausalLM:
        """The model at a step, fp32, frozen, in evaluation mode, on the device (the CPU by default)."""
        return load_model(self.checkpoint(step), device)

    def weights_digest(self, step: int) -> str:
        """What names the weights at a step: their sha256, or their commit on the hub. Raises UserError where they
        changed since the study was added."""
        digest = self.source.digest(self.check_step(step))
        if self.manifest.spec.get("weights", {}).get(str(step), digest) != digest:
            raise UserError(
                f"The weights of study '{self.name}' at step {step} changed since it was added; put the old ones "
                "back, or add the new ones as another study."
            )
        return digest

    def step_of(self, rows: np.ndarray) -> np.ndarray:
        """The step at which rows are trained on: row r enters the update of checkpoint r // batch_size."""
        return np.asarray(rows) // self.facts.batch_size

    def check_range(self, start: int, stop: int) -> None:
        """Raises UserError where rows [start, stop) leave the study."""
        if not 0 <= start < stop <= self.facts.rows:
            raise UserError(
                f"Rows {start}:{stop} are not rows of study '{self.name}', which has rows 0:{self.facts.rows}."
            )

    def shares(self, rows: np.ndarray) -> np.ndarray:
        """Repeated-span share in [0, 1] of each of the given rows."""
        return repeated_shares(self.rows[rows])

    def kind_names(self, rows: np.ndarray) -> list[str | None]:
        """The kind of each of the given rows by name; None where nothing tells them."""
        kinds, codes = self.kinds, self.kind_codes(rows)
        if codes is None or kinds is None:
            return [None] * len(rows)
        return [kinds[number] for number in codes]

    def text(self, row: int) -> str:
        """A row as text, or as its token ids where the study has no tokenizer."""
        ids = self.rows[row].tolist()
        return str(self.tokenizer.decode(ids)) if self.tokenizer else " ".join(map(str, ids))

    def pieces(self, row: int) -> list[str]:
        """The text of each of a row's tokens; joined they read as the row does."""
        ids = self.rows[row].tolist()
        if self.tokenizer is None:
            return [f"{token} " for token in ids]
        return token_pieces(ids, self.tokenizer)


def list_studies() -> list[str]:
    """Names of the studies in the cache, sorted."""
    root = cache_root()
    return sorted(p.parents[1].name for p in root.glob("*/study/manifest.json")) if root.is_dir() else []


def _how_to_get(name: str) -> str:
    built = re.fullmatch(rf"({'|'.join(BUILT_HERE)})(?:-seed(\d+))?", name)
    if built is None:
        return "add it with `mda study add`"
    command, seed = built.groups()
    return f"make it with `mda {command}{f' --seed {seed}' if seed else ''}`"
