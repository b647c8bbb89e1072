"""`mda attribute`: influence scores of chosen rows, at one step or summed over several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mda.checkpoints.folder import load_model
from mda.checkpoints.hub import NoWeights
from mda.checkpoints.in_turn import in_turn
from mda.errors import UserError
from mda.heads.geometry import names
from mda.influence.attribute import answer
from mda.influence.directions import Directions
from mda.influence.score import Scorer, in_format
from mda.progress import Progress
from mda.store.artefact import Workspace, building
from mda.store.atomic import write_json
from mda.store.tables import write_parquet
from mda.store.tensors import write_tensors
from mda.studies.attributions import (
    KIND,
    MAIN,
    SCORES,
    attribution_folder,
    directions_path,
    read_directions,
)
from mda.workflows.attribution_parts import (
    SETS,
    about_rows,
    joined,
    probe_value,
    reliability,
    rows_left,
    write_checks,
    write_part,
)
from mda.workflows.attribution_task import AttributeRequest, AttributionTask
from mda.workflows.estimate import Estimate, estimated
from mda.workflows.pace import Rates, Stopwatch
from mda.workflows.read_ahead import read_ahead

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

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
    solved = [step for step in task.steps if directions_path(work.folder, step).exists()]
    done = len(task.steps) * len(task.rows) - sum(map(len, left.values()))
    once = task.work.rows_passed // len(task.steps) - len(task.rows)
    progress.stage("attribute", task.work.rows_passed, done + len(solved) * once)
    todo = [step for step in task.steps if len(left[step])]
    for step, checkpoint in in_turn(task.study.source, todo, lambda bytes_: progress.changed()):
        if isinstance(checkpoint, NoWeights):
            raise checkpoint
        maker.step(step, checkpoint, left[step])
    write_parquet(joined(task, work.folder), work.folder / SCORES)
    work.finish(maker.result())
    # only now, because without them an interrupted attempt could not be finished
    for file in [*work.final.glob("part-*"), *work.final.glob("check-*")]:
        file.unlink()
    for name in (_TIMING, _ESTIMATE):
        (work.final / name).unlink(missing_ok=True)


@dataclass
class _Maker:
    """Makes the parts of one attribution in its folder."""

    task: AttributionTask
    folder: Path
    progress: Progress

    def __post_init__(self) -> None:
        self.clock = Stopwatch(self.folder / _TIMING)

    def step(self, step: int, checkpoint: Path, left: np.ndarray) -> None:
        """Score the rows that are left of a step, after its directions where they are not there."""
        task, folder = self.task, self.folder
        with self.clock("load"):
            model = load_model(checkpoint, task.device)
        size = self._shard_rows(self._estimate(model).rates)
        if not directions_path(folder, step).exists():
            self._solve(step, model, size)
        in_format(model, task.request.dtype)
        first = step == task.steps[0]

        def read(rows: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
            return task.study.rows[rows], about_rows(task.study, rows) if first else {}

        with Scorer(model, [read_directions(folder, step)[MAIN]], task.question.through) as scorer:
            for rows, (tokens, about) in read_ahead(_split(left, size), read, self.progress.changed):
                with self.clock("score", len(rows)):
                    scores = self._scores(scorer, rows, tokens)[0]
                # in this order: rows that are there have their time on record
                columns = dict(zip(map(str, task.question.through), scores, strict=True))
                write_part(folder, step, pd.DataFrame({"row": rows, **columns, **about}))

    def result(self) -> dict[str, Any]:
        """What the manifest says of the attribution."""
        task, each = self.task, self.clock.each
        rates = Rates(
            load=each("load"),
            probe=each("probe"),
            fit_row=each("fit"),
            check_row=each("check"),
            score_row=each("score"),
        )
        return {
            "rows": len(task.rows),
            "columns": [str(head) for head in task.question.through],
            "steps": task.steps,
            "rows_per_second": 1 / rates.score_row,
            "probe_value": {str(step): probe_value(self.folder, step) for step in task.steps},
            "reliability": reliability(task, self.folder),
            "device": task.device.type,
            "rates": rates.model_dump(),
            "estimated_seconds": Estimate.model_validate_json((self.folder / _ESTIMATE).read_text()).seconds,
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

    def _shards(self, rows: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The rows and their token ids, a shard at a time."""
        return read_ahead(_split(rows, size), lambda some: self.task.study.rows[some], self.progress.changed)

    def _batches(self, rows: np.ndarray, tokens: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """A shard's rows and their token ids, as many at a time as fit one pass."""
        size = self.task.batch_size
        return zip(_split(rows, size), _split(tokens, size), strict=True)

    def _scores(self, scorer: Scorer, rows: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Scores [sets, heads, n] of a shard's rows."""
        found = []
        for some, ids in self._batches(rows, tokens):
            found.append(scorer.rows(ids))
            self.progress.advance(len(some))
        return np.concatenate(found, axis=2)

    def _solve(self, step: int, model: GPTNeoXForCausalLM, size: int) -> None:
        """Directions of one step, and the scores of the reliability sample along all sets of them."""
        task, work = self.task, self.task.work
        counts = {"probe": 1, "fit": max(1, work.passes * work.fit_rows)}
        found = answer(
            model,
            task.question,
            task.sequences,
            lambda: chain.from_iterable(starmap(self._batches, self._shards(task.fit_rows, size))),
            self.progress.advance,
            lambda part: self.clock(part, counts[part]),
        )
        if not found.main:
            measured, through = names(task.question.heads), names(task.question.through)
            raise UserError(
                f"At step {step} nothing that {through} compute reaches {task.question.probe} of {measured}, so "
                "all scores would be zero; choose --through heads of an earlier layer, or all."
            )
        sets = dict(zip(SETS, (found.main, *found.probe_halves, found.other_labels), strict=True))
        checks = {"scores": self._checked("check", model, list(sets.values()), size)}
        if task.bfloat16:
            checks["bfloat16"] = self._checked("compare", in_format(model, "bfloat16"), [found.main], size)
        write_checks(self.folder, step, checks, found.probe_value)
        write_tensors(
            directions_path(self.folder, step),
            {f"{name}/{block}": p for name, directions in sets.items() for block, p in directions.items()},
        )

    def _checked(self, part: str, model: GPTNeoXForCausalLM, sets: Sequence[Directions], size: int) -> np.ndarray:
        """Scores [sets, heads, n] of the reliability sample."""
        found = []
        with Scorer(model, sets, self.task.question.through) as scorer:
            for rows, tokens in self._shards(self.task.checked_rows, size):
                with self.clock(part, len(rows)):
                    found.append(self._scores(scorer, rows, tokens))
        return np.concatenate(found, axis=2)


def _split(items: np.ndarray, size: int) -> list[np.ndarray]:
    """The items in pieces of `size`, the last of them what is left."""
    return [items[start : start + size] for start in range(0, len(items), size)]
