"""`mda attribute`: influence scores of chosen rows, at one step or summed over several."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from mda.checkpoints.folder import load_model
from mda.checkpoints.hub import NoWeights
from mda.checkpoints.in_turn import in_turn
from mda.errors import UserError
from mda.heads.geometry import names
from mda.influence.attribute import State, answer, done_of
from mda.influence.score import Scorer, in_format
from mda.progress import Progress
from mda.store.artefact import Workspace, building
from mda.store.atomic import write_json
from mda.store.tables import write_parquet
from mda.store.tensors import read_tensors, write_tensors
from mda.studies.attributions import (
    KIND,
    MAIN,
    SCORES,
    attribution_folder,
    directions_path,
    read_directions,
)
from mda.workflows.attribution_parts import (
    EXACT,
    SETS,
    about_rows,
    joined,
    reliability,
    rows_left,
    write_part,
)
from mda.workflows.attribution_task import AttributeRequest, AttributionTask
from mda.workflows.estimate import Estimate, estimated
from mda.workflows.pace import Rates, Stopwatch
from mda.workflows.read_ahead import read_ahead

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

Pass = tuple[str, Scorer, Sequence[str]]  # which part of the work it is, who scores, how its columns begin

# What an interrupted attribution loses at most: about a minute's rows, and no more than so many.
SHARD_SECONDS = 60.0
SHARD_ROWS = 4096
_TIMING, _ESTIMATE = "timing.jsonl", "estimate.json"


def attribute(request: AttributeRequest, progress: Progress) -> dict[str, Any]:
    """Score the rows, or return the attribution that is there already.

    Returns id, paths, reliability, rows_per_second. Raises UserError for whatever the study does not have.
    """
    task = AttributionTask(request)
    spec = task.spec()
    with building(attribution_folder(task.study.name, task.name(spec)), KIND, spec) as work:
        if not work.ready:
            _build(task, work, progress)
        manifest, folder = work.manifest, work.final
    assert manifest is not None
    return {
        "id": folder.name,
        "study": task.study.name,
        "scores": str(folder / SCORES),
        **{
            key: manifest.result[key]
            for key in ("reliability", "rows_per_second", "rows", "columns", "probe_value")
        },
    }


def _build(task: AttributionTask, work: Workspace, progress: Progress) -> None:
    """Step by step and shard by shard; whatever an interrupted attempt left is kept and not done again."""
    maker = _Maker(task, work.folder, progress)
    left = {step: rows_left(work.folder, step, task.rows) for step in task.steps}
    done = sum(maker.done(step, len(rows)) for step, rows in left.items())
    progress.stage("attribute", task.work.rows_passed, done)
    todo = [step for step in task.steps if len(left[step])]
    for step, checkpoint in in_turn(task.study.source, todo, lambda bytes_: progress.changed()):
        if isinstance(checkpoint, NoWeights):
            raise checkpoint
        maker.step(step, checkpoint, left[step])
    write_parquet(joined(task, work.folder), work.folder / SCORES)
    work.finish(maker.result())
    # only now, because without them an interrupted attempt could not be finished
    for pattern in ("part-*", "begun-*", "check-*", _TIMING, _ESTIMATE):
        for file in work.final.glob(pattern):
            file.unlink()


@dataclass
class _Maker:
    """Makes the parts of one attribution in its folder."""

    task: AttributionTask
    folder: Path
    progress: Progress

    def __post_init__(self) -> None:
        self.clock = Stopwatch(self.folder / _TIMING)

    def done(self, step: int, left: int) -> int:
        """Passes of rows that attempts before this one did at a step, so many of whose rows are left."""
        work, scored = self.task.work, len(self.task.rows) - left
        return self._fitted(step) + scored + min(scored, work.compared)  # the rows compared come first

    def step(self, step: int, checkpoint: Path, left: np.ndarray) -> None:
        """Score the rows that are left of a step, after its directions where they are not there."""
        task, through = self.task, self.task.question.through
        with self.clock("load"):
            model = load_model(checkpoint, task.device)
        size = self._shard_rows(self._estimate(model).rates)
        if not self._solved(step):
            self._solve(step, model, size)
        sets = read_directions(self.folder, step)
        along = [sets[name] for name in SETS]
        checked = np.isin(left, task.checked_rows)
        others = [f"{name}/" for name in SETS[1:]]
        if not task.bfloat16:
            with Scorer(model, along, through) as exact:
                self._score(step, left[checked], size, [("check", exact, ["", *others])])
            with Scorer(model, [sets[MAIN]], through) as scorer:
                self._score(step, left[~checked], size, [("score", scorer, [""])])
            return
        with Scorer(in_format(deepcopy(model), "bfloat16"), [sets[MAIN]], through) as scorer:
            with Scorer(model, along, through) as exact:
                both: list[Pass] = [("check", exact, [f"{EXACT}/", *others]), ("score", scorer, [""])]
                self._score(step, left[checked], size, both)
            self._score(step, left[~checked], size, [("score", scorer, [""])])

    def result(self) -> dict[str, Any]:
        """What the manifest says of the attribution."""
        task, each = self.task, self.clock.each
        expected = Estimate.model_validate_json((self.folder / _ESTIMATE).read_text())
        rates = Rates(
            load=each("load"),
            probe=each("probe"),
            fit_row=each("fit"),
            check_row=each("check"),
            score_row=each("score") or each("check"),  # every row may be one of the reliability sample
        )
        values = {str(step): read_tensors(self._begun(step))["probe_value"].item() for step in task.steps}
        return {
            "rows": len(task.rows),
            "columns": [str(head) for head in task.question.through],
            "steps": task.steps,
            "rows_per_second": 1 / rates.score_row,
            "probe_value": values,
            "reliability": reliability(task, self.folder),
            "device": task.device.type,
            "rates": rates.model_dump(),
            "estimated_seconds": expected.seconds,
        }

    def _estimate(self, model: GPTNeoXForCausalLM) -> Estimate:
        """How long it will take, said before the first attempt begins."""
        path = self.folder / _ESTIMATE
        if path.exists():
            return Estimate.model_validate_json(path.read_text())
        found = estimated(self.task, model, self.clock.each("load"), self.progress.changed)
        write_json(path, found.model_dump())
        self.progress.log(found.text)
        self.progress.record(estimated_seconds=found.seconds)
        return found

    def _shard_rows(self, rates: Rates) -> int:
        """Rows of a shard: whole batches, so that what a row is scored with does not depend on it."""
        rows, batch = min(SHARD_ROWS, int(SHARD_SECONDS / rates.score_row)), self.task.batch_size
        return max(1, rows // batch) * batch

    def _score(self, step: int, rows: np.ndarray, size: int, passes: Sequence[Pass]) -> None:
        """Score rows in every pass, a shard at a time, and keep each shard."""
        task, progress, heads = self.task, self.progress, self.task.question.through

        def read(shard: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
            return task.study.rows[shard], about_rows(task.study, shard) if step == task.steps[0] else {}

        for shard, (tokens, about) in read_ahead(_split(rows, size), read, progress.changed):
            columns: dict[str, np.ndarray] = {"row": shard}
            for part, scorer, sets in passes:
                with self.clock(part, len(shard)):
                    found = []
                    for ids in _split(tokens, task.batch_size):
                        found.append(scorer.rows(ids))
                        progress.advance(len(ids))
                for name, scores in zip(sets, np.concatenate(found, axis=2), strict=True):
                    columns |= dict(zip([f"{name}{head}" for head in heads], scores, strict=True))
            # in this order: rows that are there have their time on record
            write_part(self.folder, step, pd.DataFrame({**columns, **about}))

    def _solve(self, step: int, model: GPTNeoXForCausalLM, size: int) -> None:
        """Directions of one step. What was fitted is kept about once a minute."""
        task, begun = self.task, self._begun(step)
        counts = {"probe": 1, "fit": max(1, task.work.passes * task.work.fit_rows - self._fitted(step))}
        kept = -math.inf

        def keep(state: Callable[[], State]) -> None:
            nonlocal kept
            if time.monotonic() >= kept + SHARD_SECONDS:
                write_tensors(begun, state())
                kept = time.monotonic()

        found = answer(
            model,
            task.question,
            task.sequences,
            lambda: self._fit_batches(size),
            self.progress.advance,
            lambda part: self.clock(part, counts[part]),
            read_tensors(begun) if begun.exists() else None,
            keep,
        )
        if not found.main:
            measured, through = names(task.question.heads), names(task.question.through)
            raise UserError(
                f"At step {step} nothing that {through} compute reaches {task.question.probe} of {measured}, so "
                "all scores would be zero; choose --through heads of an earlier layer, or all."
            )
        sets = dict(zip(SETS, (found.main, *found.probe_halves, found.other_labels), strict=True))
        write_tensors(
            directions_path(self.folder, step),
            {f"{name}/{block}": p for name, directions in sets.items() for block, p in directions.items()},
        )
        write_tensors(begun, {"probe_value": torch.tensor(found.probe_value, dtype=torch.float64)})

    def _fit_batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        task = self.task
        for rows, tokens in read_ahead(
            _split(task.fit_rows, size), lambda shard: task.study.rows[shard], self.progress.changed
        ):
            yield from zip(_split(rows, task.batch_size), _split(tokens, task.batch_size), strict=True)

    def _fitted(self, step: int) -> int:
        """Passes of rows that the fits of a step have behind them."""
        work = self.task.work
        if self._solved(step):
            return work.passes * work.fit_rows
        if not self._begun(step).exists():
            return 0
        number, rows = done_of(read_tensors(self._begun(step)))
        return number * work.fit_rows + rows

    def _solved(self, step: int) -> bool:
        return directions_path(self.folder, step).exists() and self._begun(step).exists()

    def _begun(self, step: int) -> Path:
        """Where the state of a step's unfinished fits is kept, and then the value of its probe."""
        return self.folder / f"begun-{step}.safetensors"


def _split(items: np.ndarray, size: int) -> list[np.ndarray]:
    """The items in pieces of `size`, the last of them what is left."""
    return [items[start : start + size] for start in range(0, len(items), size)]
