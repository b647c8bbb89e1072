"""What an attribution is asked for: the request, and the same checked against its study."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from mda.checkpoints.folder import read_config
from mda.corpora.rows import RemoteRows
from mda.curvature.registry import find_curvature
from mda.device import best_device
from mda.errors import UserError
from mda.heads.geometry import Head, names
from mda.heads.sequences import RepeatedBatch, repeated_batches, spread_periods
from mda.influence.at_once import rows_at_once
from mda.influence.attribute import Question, fit_sample
from mda.probes.probes import find_probe
from mda.store.identity import array_digest, identity
from mda.studies.row_choice import RowChoice
from mda.studies.study import Study
from mda.workflows.pace import RELIABILITY_ROWS, Work, in_words, least_seconds

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig

PROBE_SEQUENCES = 512


class AttributeRequest(BaseModel):
    """`mda attribute`. `through` = None: through the heads that the probe measures. `rows` = None: all rows; of
    them `sample` at random, or the first `per_step` of every step. `dtype` is that of the passes that score rows;
    gradients of the probe and fits of the curvature are always fp32."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    steps: tuple[int, ...] = Field(min_length=1)
    head: str
    probe: str = "prefix_matching"
    blocks: str = "qkvo"
    through: str | None = None
    rows: tuple[int, int] | None = None
    sample: int | None = Field(default=None, ge=1)
    per_step: int | None = Field(default=None, ge=1)
    fit_rows: int = Field(default=2048, ge=2)
    curvature: str = "ekfac"
    seed: int = Field(default=0, ge=0)
    probe_sequences: int = Field(default=PROBE_SEQUENCES, ge=16)  # two halves of up to 8 periods
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    dtype: Literal["float32", "bfloat16"] = "float32"


@dataclass
class AttributionTask:
    """A checked request: the study and everything that the request leaves to defaults."""

    request: AttributeRequest

    def __post_init__(self) -> None:
        find_probe(self.request.probe)
        find_curvature(self.request.curvature)
        for step in self.steps:
            self.study.check_step(step)
            if (reason := self.study.source.absent(step)) is not None:
                raise UserError(reason)
        self.question.carriers()

    @cached_property
    def study(self) -> Study:
        return Study.open(self.request.study)

    @cached_property
    def steps(self) -> list[int]:
        return sorted(set(self.request.steps))

    @cached_property
    def device(self) -> torch.device:
        """Where the passes run. It is not part of the identity: the same fp32 arithmetic, whose rounding alone
        differs between devices."""
        return find_device(self.request.device)

    @cached_property
    def bfloat16(self) -> bool:
        return self.request.dtype == "bfloat16"

    @cached_property
    def choice(self) -> RowChoice:
        asked, facts = self.request, self.study.facts
        if (asked.rows, asked.sample, asked.per_step) == (None, None, None):
            self._refuse_all_remote_rows()
        if asked.per_step is not None and not facts.in_order:
            raise UserError(
                f"The rows of study '{asked.study}' have no training order, so none are those of a step; choose "
                "by --rows or --sample."
            )
        start, stop = asked.rows or (0, facts.trained if facts.in_order else facts.rows)
        self.study.check_range(start, stop)
        return RowChoice(start=start, stop=stop, sample=asked.sample, per_step=asked.per_step)

    def _refuse_all_remote_rows(self) -> None:
        facts = self.study.facts
        if isinstance(self.study.rows, RemoteRows):
            seconds = facts.trained * least_seconds(self._config, facts.seq_len, self.device)
            raise UserError(
                f"Study '{self.study.name}' was trained on {facts.trained:,} rows, and scoring them all would "
                f"take {in_words(seconds)} here at the very least; choose some by --rows A:B, --sample N or "
                "--rows-per-step K."
            )

    @cached_property
    def rows(self) -> np.ndarray:
        """Numbers of the rows to score, ascending."""
        return self.choice.numbers(self.study.facts.batch_size, self.request.seed)

    @cached_property
    def question(self) -> Question:
        sizes = self.study.sizes
        heads = sizes.parse_heads(self.request.head)
        return Question(
            probe=self.request.probe,
            heads=heads,
            through=heads if self.request.through is None else sizes.parse_heads(self.request.through),
            blocks=self.request.blocks,
            curvature=self.request.curvature,
            seed=self.request.seed,
        )

    @cached_property
    def sequences(self) -> list[RepeatedBatch]:
        facts = self.study.facts
        periods = spread_periods(facts.seq_len, len(facts.probe_ids))
        count = self.request.probe_sequences
        return repeated_batches(facts.probe_ids, facts.start_id, periods, count, self.request.seed)

    @cached_property
    def fit_rows(self) -> np.ndarray:
        return fit_sample(self.rows, self.request.fit_rows, self.request.seed)

    @cached_property
    def checked_rows(self) -> np.ndarray:
        """The sample of rows on which reliability is measured."""
        return fit_sample(self.rows, RELIABILITY_ROWS, self.request.seed + 1)

    @cached_property
    def batch_size(self) -> int:
        """Rows in one pass."""
        return rows_at_once(self._config, self.study.facts.seq_len, self.device.type)

    @cached_property
    def _config(self) -> GPTNeoXConfig:
        return read_config(self.study.source.config_folder)

    @cached_property
    def work(self) -> Work:
        """How often each part is done."""
        asked = self.request
        return Work.of(len(self.rows), len(self.steps), asked.curvature, asked.fit_rows, self.bfloat16)

    def spec(self) -> dict[str, Any]:
        """Everything that changes the numbers."""
        question = self.question
        return {
            "study": self.study.manifest.identity,
            "weights": {str(step): self.study.weights_digest(step) for step in self.steps},
            "rows": [self.choice.start, self.choice.stop],
            **self.choice.model_dump(include={"sample", "per_step"}, exclude_none=True),
            "probe": question.probe,
            "probe_tokens": [array_digest(batch.tokens.numpy()) for batch in self.sequences],
            "heads": [str(head) for head in question.heads],
            "through": [str(head) for head in question.through],
            "blocks": question.blocks,
            "curvature": question.curvature,
            "fit_rows": len(self.fit_rows),
            "seed": question.seed,
            "dtype": self.request.dtype,
        }

    def name(self, spec: dict[str, Any]) -> str:
        """A folder name that a person can read, made unique by the identity."""
        question, sizes = self.question, self.study.sizes

        def short(heads: tuple[Head, ...]) -> str:
            return "all" if len(heads) == len(sizes.all_heads()) else names(heads).replace(",", "-")

        steps = "-".join(map(str, self.steps))
        through = "" if question.own else f"_through-{short(question.through)}"
        return (
            f"s{steps}_{short(question.heads)}{through}_{question.probe}_{question.curvature}-{identity(spec)[:8]}"
        )


def find_device(name: str) -> torch.device:
    """The device of that name, the best there is for `auto`. Raises UserError where this machine has none."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return best_device()
    if not there[name]:
        raise UserError(f"This machine has no '{name}' device that PyTorch can use; use --device auto.")
    return torch.device(name)
