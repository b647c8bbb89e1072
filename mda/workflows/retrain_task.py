"""What a retrain is asked for: the request, and the same checked against its study."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mda.errors import UserError
from mda.interventions.controls import random_control
from mda.interventions.selection import select_rows
from mda.interventions.weights import row_weights
from mda.store.identity import array_digest, identity
from mda.studies.retrains import BASELINE, CONTROL_OF
from mda.studies.row_choice import RowChoice
from mda.studies.study import Study
from mda.training.recipe import Recipe
from mda.workflows.head_scores import CheckpointScorer
from mda.workflows.selection import chosen_rows

LOOK_TOKENS = 65_536  # of held-out rows in one look; the demo has as many, and a row of Pythia's is 2048 of them


class RetrainRequest(BaseModel):
    """`mda retrain`. The intervention lies in steps [from_step, to_step); training goes on to `until`
    (None = to_step) on unchanged rows. Action `baseline` changes nothing. Selection `rows` changes the rows that
    are named; `random` with rows and no fraction changes as many others from the same steps, as their control.
    Every step trains on its first `rows_per_step` rows (None = all), at `learning_rate` (None = the study's)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    from_step: int
    to_step: int
    until: int | None = None
    action: Literal["baseline", "remove", "duplicate"]
    select: Literal["top", "bottom", "random", "matched-kind", "matched-repetition", "rows"] | None = None
    fraction: float | None = Field(default=None, allow_inf_nan=False)
    attribution: str | None = None
    rows: tuple[int, ...] | None = None
    replicate: int = Field(default=0, ge=0)
    every: int = Field(default=50, ge=1)
    rows_per_step: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)


@dataclass
class RetrainTask:
    """A checked request: the study, and everything that follows from both."""

    request: RetrainRequest

    def __post_init__(self) -> None:
        """Raises UserError where steps or rows do not suffice, or the request contradicts itself."""
        request, study = self.request, self.study
        check_in_order(study)
        study.check_step(request.from_step)
        if not request.from_step < request.to_step <= self.until:
            raise UserError(
                f"The window runs from step {request.from_step} to {request.to_step} and training until "
                f"{self.until}; each must come after the one before."
            )
        size, unseen = study.facts.batch_size, study.facts.held_out[0]
        if (request.rows_per_step or 1) > size:
            raise UserError(
                f"A step of study '{study.name}' has {size} rows; give --rows-per-step a number from 1 to {size}."
            )
        if self.until * size > unseen > 0:
            raise UserError(
                f"Step {self.until} would train on held-out rows; study '{study.name}' has training rows for "
                f"steps up to {unseen // size}."
            )
        study.check_range(request.from_step * size, self.until * size)
        if request.action != BASELINE and request.select is None:
            raise UserError("Say which rows with --select, for example --select top.")
        how = (request.select, request.fraction, request.attribution, request.rows)
        if request.action == BASELINE and how != (None,) * 4:
            raise UserError(
                "A baseline changes nothing: leave --select, --fraction, --attribution and --rows out."
            )

    @cached_property
    def study(self) -> Study:
        return Study.open(self.request.study)

    @property
    def until(self) -> int:
        """The last step."""
        return self.request.to_step if self.request.until is None else self.request.until

    @property
    def per_step(self) -> int | None:
        """Rows of each step that are trained on; None: all."""
        asked = self.request.rows_per_step
        return None if asked == self.study.facts.batch_size else asked

    @property
    def used_per_step(self) -> int:
        return self.per_step or self.study.facts.batch_size

    @cached_property
    def recipe(self) -> Recipe:
        own, asked = self.study.facts.recipe, self.request.learning_rate
        return own if asked is None else own.at_rate(asked)

    @cached_property
    def window(self) -> np.ndarray:
        """Numbers of the rows that can be changed, ascending: those of the window that are trained on."""
        return self._rows(self.request.to_step)

    @cached_property
    def trained_rows(self) -> np.ndarray:
        """Numbers of all rows that are trained on, ascending."""
        return self._rows(self.until)

    @cached_property
    def look_rows(self) -> tuple[int, int]:
        """The held-out rows [start, stop) that looks measure losses on."""
        start, stop = self.study.facts.held_out
        return start, min(stop, start + max(1, LOOK_TOKENS // self.study.facts.seq_len))

    @cached_property
    def scorer(self) -> CheckpointScorer:
        """What looks measure with."""
        facts = self.study.facts.model_copy(update={"held_out": self.look_rows})
        return CheckpointScorer.of(facts, self.study.rows)

    @cached_property
    def fresh(self) -> bool:
        """Whether the optimizer starts anew, since the checkpoint keeps no state of it."""
        return not self.study.source.has_optimizer(self.request.from_step)

    @cached_property
    def changed(self) -> tuple[np.ndarray, dict[str, float]]:
        """Positions in the window that are changed, and how well a control matches. Raises UserError for a
        selection that lacks what it needs."""
        if self.request.action == BASELINE:
            return np.zeros(0, dtype=np.int64), {}
        return rows_to_change(self.study, self.window, self.request)

    @cached_property
    def weights(self) -> np.ndarray:
        """Weight float32 [n] of every row of the window."""
        if self.request.action == BASELINE:
            return np.ones(len(self.window), dtype=np.float32)
        return row_weights(len(self.window), self.changed[0], self.request.action)

    def spec(self) -> dict[str, Any]:
        """Everything that changes the numbers."""
        request, study = self.request, self.study
        found: dict[str, Any] = {
            "study": study.manifest.identity,
            "weights": study.weights_digest(request.from_step),
            "from": request.from_step,
            "to": request.to_step,
            "until": self.until,
            "action": request.action,
            "select": request.select,
            "fraction": request.fraction,
            "attribution": request.attribution,
            "changed_rows": array_digest(self.window[self.changed[0]]),
            "replicate": request.replicate,
            "every": request.every,
            "recipe": self.recipe.model_dump(),
            "optimizer": "fresh" if self.fresh else "stored",
            "scores": self.scorer.settings(),
        }
        if _is_control_of_rows(request):
            named = select_rows(request.rows or (), self.window)
            found[CONTROL_OF] = array_digest(self.window[named])
        if self.per_step is not None:
            found["rows_per_step"] = self.per_step
        if self.recipe != study.facts.recipe:
            found["learning_rate"] = self.recipe.learning_rate
        return found

    def name(self, spec: dict[str, Any]) -> str:
        """A folder name that a person can read, made unique by the identity."""
        request = self.request
        what: list[str] = [request.action]
        if request.action != BASELINE:
            what.append(str(request.select))
            if request.fraction is not None:
                what.append(f"{request.fraction:g}")
        steps = f"s{request.from_step}-{request.to_step}"
        return f"{'-'.join(what)}_{steps}_r{request.replicate}-{identity(spec)[:8]}"

    def _rows(self, stop: int) -> np.ndarray:
        size = self.study.facts.batch_size
        choice = RowChoice(start=self.request.from_step * size, stop=stop * size, per_step=self.per_step)
        return choice.numbers(size)


def check_in_order(study: Study) -> None:
    """Raises UserError where the study's rows have no steps, so that no step can be trained again."""
    if not study.facts.in_order:
        raise UserError(
            f"The rows of study '{study.name}' are not in the order in which its model was trained on them, so "
            "they belong to no step and nothing can be retrained; use a study with rows in training order."
        )


def rows_to_change(
    study: Study, window: np.ndarray, request: RetrainRequest
) -> tuple[np.ndarray, dict[str, float]]:
    """Positions in the window (rows `window`, ascending) that an arm changes, and how well a control matches.

    Raises UserError for a selection that lacks what it needs.
    """
    if not _is_control_of_rows(request):
        asked = (request.fraction, request.attribution, request.rows, request.replicate)
        return chosen_rows(study, window, str(request.select), *asked)
    named = select_rows(request.rows or (), window)
    control = random_control(named, study.step_of(window), np.random.default_rng([request.replicate, 2]))
    return control.rows, {"relaxed": control.relaxed, "step_gap": control.step_gap}


def _is_control_of_rows(request: RetrainRequest) -> bool:
    return (
        request.select == "random"
        and bool(request.rows)
        and (request.fraction, request.attribution) == (None,) * 2
    )
