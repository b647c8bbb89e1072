"""An opened study: its checkpoints, its rows, and the few facts that every command needs of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from mda.checkpoints.folder import find_steps, load_model, read_sizes, weights_digest
from mda.errors import UserError
from mda.heads.geometry import Geometry
from mda.spans import repeated_shares
from mda.store.artefact import Manifest, open_artefact
from mda.store.paths import cache_root, study_folder
from mda.store.tensors import map_array
from mda.training.recipe import Recipe

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM, PreTrainedTokenizerFast

KIND = "study"
ROWS = "rows.safetensors"
TOKENIZER = "tokenizer"
OWN_CHECKPOINTS = "checkpoints"


class StudyFacts(BaseModel):
    """What a study's manifest says of it, beside the specification that made it.

    Rows [0, trained) were trained on in order; rows [held_out[0], held_out[1]) no checkpoint has seen.
    `checkpoints` is a path, relative ones being inside the study's folder. `probe_ids` are the tokens that
    head scores and probes draw from, `start_id` what their sequences begin with.
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
            remedy = "make it with `mda demo`" if name == "demo" else "add it with `mda study add`"
            raise UserError(f"There is no study '{name}' (there is: {known}); {remedy}.")
        manifest = open_artefact(folder, KIND)
        return Study(name, StudyFacts.model_validate(manifest.result), manifest, folder)

    @cached_property
    def checkpoints(self) -> dict[int, Path]:
        """Checkpoint folders by step."""
        return find_steps(self.folder / self.facts.checkpoints)

    @property
    def steps(self) -> list[int]:
        """Steps that have a checkpoint, ascending."""
        return list(self.checkpoints)

    @cached_property
    def sizes(self) -> Geometry:
        """Sizes of the model's attention."""
        return read_sizes(next(iter(self.checkpoints.values())))

    @cached_property
    def rows(self) -> np.ndarray:
        """Token ids [N, T + 1], mapped from disk and read-only: memory does not grow with N."""
        return map_array(self.folder / ROWS, "tokens")

    @cached_property
    def kinds(self) -> np.ndarray | None:
        """Each row's kind as an index uint8 [N] into `facts.kinds`; None where rows carry no kind."""
        return map_array(self.folder / ROWS, "kinds") if self.facts.kinds else None

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerFast | None:
        """The tokenizer that turns rows into text; None where the study has none."""
        from transformers import PreTrainedTokenizerFast  # takes a second, and not every page shows text

        folder = self.folder / TOKENIZER
        return PreTrainedTokenizerFast.from_pretrained(folder) if folder.is_dir() else None

    def checkpoint(self, step: int) -> Path:
        """The folder of one checkpoint. Raises UserError naming the nearest steps there are."""
        if step not in self.checkpoints:
            near = sorted(self.steps, key=lambda there: abs(there - step))[:3]
            raise UserError(
                f"Study '{self.name}' has no checkpoint at step {step}; the nearest are "
                f"{', '.join(map(str, sorted(near)))}."
            )
        return self.checkpoints[step]

    def load(self, step: int) -> GPTNeoXForCausalLM:
        """The model at a step, fp32, frozen, in evaluation mode."""
        return load_model(self.checkpoint(step))

    def weights_digest(self, step: int) -> str:
        """sha256 of the weights at a step. Raises UserError where they changed since the study was added."""
        digest = weights_digest(self.checkpoint(step))
        if self.manifest.spec.get("weights", {}).get(str(step), digest) != digest:
            raise UserError(
                f"The weights of study '{self.name}' at step {step} changed since it was added; put the old ones "
                "back, or add the new ones as another study."
            )
        return digest

    def step_of(self, rows: np.ndarray) -> np.ndarray:
        """The step at which rows are trained on: row r enters the update of checkpoint r // batch_size."""
        return np.asarray(rows) // self.facts.batch_size

    def row_range(self, start: int, stop: int) -> np.ndarray:
        """Row numbers [start, stop). Raises UserError where they leave the study."""
        if not 0 <= start < stop <= self.facts.rows:
            raise UserError(
                f"Rows {start}:{stop} are not rows of study '{self.name}', which has rows 0:{self.facts.rows}."
            )
        return np.arange(start, stop)

    def shares(self, rows: np.ndarray) -> np.ndarray:
        """Repeated-span share in [0, 1] of each of the given rows."""
        return repeated_shares(self.rows[rows])

    def kind_names(self, rows: np.ndarray) -> list[str | None]:
        """The kind of each of the given rows by name; None where rows carry no kind."""
        if self.kinds is None or self.facts.kinds is None:
            return [None] * len(rows)
        return [self.facts.kinds[number] for number in self.kinds[rows]]

    def text(self, row: int) -> str:
        """A row as text, or as its token ids where the study has no tokenizer."""
        ids = self.rows[row].tolist()
        return str(self.tokenizer.decode(ids)) if self.tokenizer else " ".join(map(str, ids))

    def pieces(self, row: int) -> list[str]:
        """The text of each of a row's tokens; joined they read as the row does."""
        ids = self.rows[row].tolist()
        if self.tokenizer is None:
            return [f"{token} " for token in ids]
        return [str(self.tokenizer.decode([token])) for token in ids]


def list_studies() -> list[str]:
    """Names of the studies in the cache, sorted."""
    root = cache_root()
    return sorted(p.parents[1].name for p in root.glob("*/study/manifest.json")) if root.is_dir() else []
