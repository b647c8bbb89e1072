"""`mda attribute`: influence scores of every row of a range, at one step or summed over several."""

from __future__ import annotations

import time
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from mda.curvature.registry import find_curvature
from mda.errors import UserError
from mda.evidence.reliability import spearman
from mda.heads.geometry import names
from mda.influence.attribute import answer
from mda.influence.score import Scorer
from mda.progress import Progress
from mda.store.artefact import Workspace, building
from mda.store.tables import append_jsonl, read_jsonl, read_parquet, write_parquet
from mda.store.tensors import read_tensors, write_tensors
from mda.studies.attributions import (
    KIND,
    MAIN,
    SCORES,
    attribution_folder,
    directions_path,
    read_directions,
)
from mda.workflows.attribution_task import AttributeRequest, AttributionTask

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

SETS = (MAIN, "first_half", "second_half", "other_labels")
SHARD_ROWS = 4096  # what an interrupted attribution loses at most
_TIMING = "timing.jsonl"


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
    shards = [task.rows[i : i + SHARD_ROWS] for i in range(0, len(task.rows), SHARD_ROWS)]
    fits = 0 if find_curvature(task.question.curvature).passes == 0 else 2
    per_fit = find_curvature(task.question.curvature).passes * len(task.fit_rows)
    done = SHARD_ROWS * len(list(work.folder.glob("part-*")))
    progress.stage("attribute", len(task.steps) * (fits * per_fit + len(task.rows)), done)
    for step in task.steps:
        todo = [rows for rows in shards if not _part(work, step, rows).exists()]
        if not todo:
            continue
        model = task.study.load(step)
        if not directions_path(work.folder, step).exists():
            _solve(task, step, model, work.folder, progress)
        sets = read_directions(work.folder, step)
        with Scorer(model, [sets[MAIN]], task.question.through) as scorer:
            for rows in todo:
                begun = time.monotonic()
                found = []
                for chunk, tokens in task.chunks(rows):
                    found.append(scorer.rows(tokens)[0])
                    progress.advance(len(chunk))
                # in this order: a shard that is there has its time on record
                append_jsonl(work.folder / _TIMING, {"rows": len(rows), "seconds": time.monotonic() - begun})
                write_parquet(_frame(task, np.concatenate(found, axis=1)), _part(work, step, rows))
    write_parquet(_joined(task, work, shards), work.folder / SCORES)
    timings, _ = read_jsonl(work.folder / _TIMING)
    result = {
        "rows": len(task.rows),
        "columns": [str(head) for head in task.question.through],
        "steps": task.steps,
        "rows_per_second": sum(t["rows"] for t in timings) / sum(t["seconds"] for t in timings),
        "probe_value": {str(step): _checks(work, step)["probe_value"].item() for step in task.steps},
        "reliability": _reliability(task, work),
    }
    work.finish(result)
    # only now, because without them an interrupted attempt could not be finished
    for file in [*work.final.glob("part-*"), *work.final.glob("check-*"), work.final / _TIMING]:
        file.unlink()


def _part(work: Workspace, step: int, rows: np.ndarray) -> Path:
    """The file of a shard; named by its rows, so that shards of another size are never taken for these."""
    return work.folder / f"part-{step}-{rows[0]}-{rows[-1]}.parquet"


def _checks(work: Workspace, step: int) -> dict[str, torch.Tensor]:
    return read_tensors(work.folder / f"check-{step}.safetensors")


def _solve(task: AttributionTask, step: int, model: GPTNeoXForCausalLM, folder: Path, progress: Progress) -> None:
    """Directions of one step, and the scores of the reliability sample along all sets of them."""
    found = answer(model, task.question, task.sequences, lambda: task.chunks(task.fit_rows), progress.advance)
    if not found.main:
        measured, through = names(task.question.heads), names(task.question.through)
        raise UserError(
            f"At step {step} nothing that {through} compute reaches {task.question.probe} of {measured}, so all "
            "scores would be zero; choose --through heads of an earlier layer, or all."
        )
    sets = dict(zip(SETS, (found.main, *found.probe_halves, found.other_labels), strict=True))
    with Scorer(model, list(sets.values()), task.question.through) as scorer:
        checks = [scorer.rows(tokens) for _, tokens in task.chunks(task.checked_rows)]
    write_tensors(
        folder / f"check-{step}.safetensors",
        {
            "scores": torch.from_numpy(np.concatenate(checks, axis=2)),
            "probe_value": torch.tensor(found.probe_value, dtype=torch.float64),
        },
    )
    write_tensors(
        directions_path(folder, step),
        {f"{name}/{block}": p for name, directions in sets.items() for block, p in directions.items()},
    )


def _frame(task: AttributionTask, scores: np.ndarray) -> pd.DataFrame:
    """One column a head of `through`."""
    return pd.DataFrame(dict(zip(map(str, task.question.through), scores, strict=True)))


def _joined(task: AttributionTask, work: Workspace, shards: list[np.ndarray]) -> pd.DataFrame:
    """Columns row, step, score, the heads', and `score_at_<step>` where several steps were summed."""
    by_step = {
        step: pd.concat([read_parquet(_part(work, step, rows)) for rows in shards], ignore_index=True)
        for step in task.steps
    }
    heads = reduce(pd.DataFrame.add, by_step.values())
    frame = pd.DataFrame({"row": task.rows, "step": task.study.step_of(task.rows)})
    frame["score"] = heads.sum(axis=1)
    if len(task.question.through) > 1:
        frame = frame.join(heads)
    if len(task.steps) > 1:
        for step, one in by_step.items():
            frame[f"score_at_{step}"] = one.sum(axis=1)
    if not np.isfinite(frame["score"]).all():
        raise UserError(
            "Some influence scores are not finite: the gradients overflow at this checkpoint; choose another step."
        )
    return frame


def _reliability(task: AttributionTask, work: Workspace) -> dict[str, Any]:
    """Spearman between the two halves of the probe and between two label seeds of the fit, on a sample of rows.

    `by_head` has the same pair for every column where there are several.
    """
    scores = np.sum([_checks(work, step)["scores"].numpy() for step in task.steps], axis=0)
    sets = dict(zip(SETS, scores, strict=True))

    def pair(column: slice | int) -> dict[str, float]:
        def values(name: str) -> np.ndarray:
            return np.atleast_2d(sets[name][column]).sum(0)

        return {
            "probe_halves": spearman(values("first_half"), values("second_half")),
            "label_seeds": spearman(values(MAIN), values("other_labels")),
        }

    heads = task.question.through
    by_head = {str(head): pair(number) for number, head in enumerate(heads)} if len(heads) > 1 else {}
    return {**pair(slice(None)), "rows": len(task.checked_rows), "by_head": by_head}
