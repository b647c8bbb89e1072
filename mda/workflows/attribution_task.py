"""What an attribution is asked for: the request, and the same checked against its study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mda.checkpoints.folder import read_config
from mda.curvature.registry import find_curvature
from mda.heads.geometry import Head, names
from mda.heads.sequences import RepeatedBatch, repeated_batches, spread_periods
from mda.influence.attribute import Question, fit_sample
from mda.probes.probes import find_probe
from mda.store.identity import array_digest, identity
from mda.studies.row_choice import RowChoice
from mda.studies.study import Study

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig

PROBE_SEQUENCES = 512
RELIABILITY_ROWS = 2048
# Activations held at once in one forward and backward pass; a row of 2048 tokens in a small Pythia needs most
# of it.
BATCH_BYTES = 400e6


class AttributeRequest(BaseModel):
    """`mda attribute`. `through` = None: through the heads that the probe measures. `rows` = None: all rows; of
    them `sample` at random, or the first `per_step` of every step."""

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


@dataclass
class AttributionTask:
    """A checked request: the study and everything that the request leaves to defaults."""

    request: AttributeRequest

    def __post_init__(self) -> None:
        find_probe(self.request.probe)
        find_curvature(self.request.curvature)
        for step in self.steps:
            self.study.check_step(step)
        self.question.carriers()

    @cached_property
    def study(self) -> Study:
        return Study.open(self.request.study)

    @cached_property
    def steps(self) -> list[int]:
        return sorted(set(self.request.steps))

    @cached_property
    def choice(self) -> RowChoice:
        start, stop = self.request.rows or (0, self.study.facts.trained)
        self.study.check_range(start, stop)
        return RowChoice(start=start, stop=stop, sample=self.request.sample, per_step=self.request.per_step)

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
        return rows_at_once(read_config(self.study.source.config_folder), self.study.facts.seq_len)

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
            "dtype": "float32",
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

    def chunks(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The rows and their token ids, a batch at a time."""
        for start in range(0, len(rows), self.batch_size):
            numbers = rows[start : start + self.batch_size]
            yield numbers, self.study.rows[numbers]


def rows_at_once(config: GPTNeoXConfig, seq_len: int) -> int:
    """Rows in one forward and backward pass, from a rough count of the activations that autograd keeps."""
    kept = config.num_hidden_layers * (12 * config.hidden_size + 3 * config.intermediate_size) * 4
    return int(max(1, min(64, BATCH_BYTES // (kept * seq_len))))
