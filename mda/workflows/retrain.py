"""`mda retrain`: arms from a stored checkpoint through a window with some rows removed or duplicated."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict, Field

from mda.checkpoints.folder import (
    find_steps,
    has_optimizer,
    load_model,
    load_optimizer,
    read_config,
    save_checkpoint,
)
from mda.corpora.rows import RemoteRows
from mda.device import best_device
from mda.errors import UserError
from mda.heads.geometry import Head
from mda.heads.scores import HEAD_SCORES
from mda.influence.at_once import rows_at_once
from mda.interventions.weights import shuffled_order
from mda.progress import Progress
from mda.store.artefact import Workspace, building
from mda.store.tables import append_jsonl, read_jsonl, write_parquet
from mda.studies.retrains import CHANGED_ROWS, KIND, METRICS, MODEL_METRICS, arm_label, caveats, retrain_folder
from mda.training.loop import Plan, train
from mda.training.recipe import new_optimizer
from mda.workflows.live import live_scores
from mda.workflows.retrain_task import RetrainRequest, RetrainTask

_CURVES = "curves.jsonl"
_TIMING = "timing.jsonl"
_RESUME = "resume"
_ROWS, _CHECKPOINT = "rows", "checkpoint"  # stages that bring here what lies elsewhere
_BRING_SHARE = 0.05  # of the time of one arm; a guess


class RetrainsRequest(BaseModel):
    """Several arms, one after another in one job: on a small machine two at once are slower than in turn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arms: tuple[RetrainRequest, ...] = Field(min_length=1)


def retrain_all(request: RetrainsRequest, progress: Progress) -> dict[str, Any]:
    """Train all arms in order; those that are there already cost nothing. Returns their results in order."""
    stages = [f"arm {number} of {len(request.arms)}" for number in range(1, len(request.arms) + 1)]
    return {"retrains": _in_turn(request.arms, stages, progress)}


def retrain(request: RetrainRequest, progress: Progress) -> dict[str, Any]:
    """Train the arm, or return the one that is there already.

    Returns id, paths of the tables, the number of changed rows, how well a control matches, and what to keep in
    mind (`caveats`). Starts with the checkpoint's optimizer state, or with a fresh Adam where none is stored
    (`fresh_optimizer`); trains on the first rows of each step where the request says so (`rows_per_step`, of
    `batch_size`).
    """
    return _in_turn([request], ["retrain"], progress)[0]


def _in_turn(arms: Sequence[RetrainRequest], stages: Sequence[str], progress: Progress) -> list[dict[str, Any]]:
    tasks = [RetrainTask(arm) for arm in arms]
    rows = _absent_rows(tasks)
    away = any(not task.study.source.here(task.request.from_step) for task in tasks)
    bring = [_ROWS] * bool(len(rows)) + [_CHECKPOINT] * away
    progress.plan(**dict.fromkeys(bring, _BRING_SHARE), **dict.fromkeys(stages, 1.0))
    if len(rows):
        source = tasks[0].study.rows
        assert isinstance(source, RemoteRows)
        progress.stage(_ROWS, len(rows))
        source.fetch(rows, progress.advance)
    return [_arm(task, stage, progress) for task, stage in zip(tasks, stages, strict=True)]


def _absent_rows(tasks: Sequence[RetrainTask]) -> np.ndarray:
    """Numbers of the rows that the arms need and that are not on this machine, ascending."""
    study = tasks[0].study
    if not isinstance(study.rows, RemoteRows):
        return np.zeros(0, dtype=np.int64)
    mine = [task for task in tasks if task.study.name == study.name]
    parts = [rows for task in mine for rows in (task.trained_rows, np.arange(*task.look_rows))]
    needed = np.unique(np.concatenate(parts))
    return needed[~study.rows_here(needed)]


def _arm(task: RetrainTask, stage: str, progress: Progress) -> dict[str, Any]:
    spec = task.spec()
    with building(retrain_folder(task.study.name, task.name(spec)), KIND, spec) as work:
        if work.ready:
            progress.stage(stage, 1, 1)
        else:
            changed, match = task.changed
            write_parquet(_row_table(task, changed), work.folder / CHANGED_ROWS)
            pace = _train(task, stage, work, progress)
            result = {"rows": len(changed), "match": match, "fresh_optimizer": task.fresh, "pace": pace}
            work.finish({**result, "rows_per_step": task.used_per_step, "batch_size": task.recipe.batch_size})
            # only now, because without them an interrupted attempt could not be finished
            for file in (_CURVES, _TIMING):
                (work.final / file).unlink()
            shutil.rmtree(work.final / _RESUME, ignore_errors=True)
        manifest, folder = work.manifest, work.final
    assert manifest is not None
    return {
        "id": folder.name,
        "study": task.study.name,
        "metrics": str(folder / METRICS),
        "model_metrics": str(folder / MODEL_METRICS),
        "caveats": caveats(task.fresh, task.per_step, task.recipe.batch_size, spec.get("learning_rate")),
        **manifest.result,
    }


def _row_table(task: RetrainTask, changed: np.ndarray) -> pd.DataFrame:
    rows = task.window[changed]
    return pd.DataFrame({"row": rows, "step": task.study.step_of(rows), "weight": task.weights[changed]})


def _plan(task: RetrainTask) -> Plan:
    """Rows in the replicate's order, a few at a time where a whole batch would not fit into memory."""
    study, first = task.study, task.request.from_step * task.used_per_step
    config = read_config(study.source.config_folder)
    return Plan(
        rows=lambda numbers: study.rows[numbers],
        first=first,
        order=first + shuffled_order(len(task.window), task.request.replicate),
        weights=task.weights,
        per_step=task.per_step,
        at_once=rows_at_once(config, study.facts.seq_len, best_device().type),
    )


def _train(task: RetrainTask, stage: str, work: Workspace, progress: Progress) -> dict[str, float]:
    """Train and look every few steps; each look is followed by a checkpoint from which a resume goes on.

    Returns seconds of a step and of a look.
    """
    request, recipe, until = task.request, task.recipe, task.until
    resume, curves = work.folder / _RESUME, work.folder / _CURVES
    label = arm_label(request.action, request.select, request.fraction)
    reached = _last_checkpoint(resume)
    folder = _start(task, progress) if reached is None else resume / f"step{reached}"
    start = request.from_step if reached is None else reached
    progress.stage(stage, until - request.from_step, start - request.from_step)
    model = load_model(folder, best_device()).requires_grad_(True)
    optimizer = new_optimizer(model, recipe)
    if has_optimizer(folder):
        load_optimizer(folder, model, optimizer)
        _to_device(optimizer)

    def look(step: int, loss: float | None) -> None:
        heads, models = task.scorer.score(model)
        heads.insert(0, "step", step)
        append_jsonl(curves, {"heads": heads.to_dict("list"), "model": {"step": step, "loss": loss, **models}})
        progress.record(arm=label, replicate=request.replicate, step=step, **live_scores(heads), **models)

    begun = time.monotonic()
    if reached is None:
        for file in (curves, work.folder / _TIMING):
            file.unlink(missing_ok=True)
        look(start, None)
        _note_time(work, 0, 0.0, time.monotonic() - begun)
    before, begun = start, time.monotonic()
    for step, loss in train(model, optimizer, _plan(task), recipe, start, until):
        if (step - request.from_step) % request.every == 0 or step == until:
            trained = time.monotonic()
            look(step, loss)
            save_checkpoint(resume / f"step{step}", model, optimizer)
            if reached is not None:
                shutil.rmtree(resume / f"step{reached}", ignore_errors=True)
            reached = step
            _note_time(work, step - before, trained - begun, time.monotonic() - trained)
            before, begun = step, time.monotonic()
        progress.advance()
    _write_curves(curves, work.folder)
    return _pace(work)


def _start(task: RetrainTask, progress: Progress) -> Path:
    """The folder of the starting checkpoint, brought here where it is not."""
    source, step = task.study.source, task.study.check_step(task.request.from_step)
    if source.here(step):
        return source.folder(step)
    progress.stage(_CHECKPOINT, source.download_bytes(step) or 1)
    return source.folder(step, progress.advance)


def _to_device(optimizer: torch.optim.Optimizer) -> None:
    """Put the moments where their parameters are; Adam keeps its count of steps on the CPU."""
    for parameter, state in optimizer.state.items():
        for key in ("exp_avg", "exp_avg_sq"):
            if key in state:
                state[key] = state[key].to(parameter.device)


def _last_checkpoint(resume: Path) -> int | None:
    try:
        return max(find_steps(resume))
    except UserError:
        return None


def _note_time(work: Workspace, steps: int, trained: float, looked: float) -> None:
    append_jsonl(work.folder / _TIMING, {"steps": steps, "trained": trained, "looked": looked})


def _pace(work: Workspace) -> dict[str, float]:
    """Seconds of a step and of a look, over all attempts."""
    notes, _ = read_jsonl(work.folder / _TIMING)
    steps = sum(note["steps"] for note in notes)
    return {
        "step": sum(note["trained"] for note in notes) / max(1, steps),
        "look": sum(note["looked"] for note in notes) / max(1, len(notes)),
    }


def _write_curves(curves: Path, folder: Path) -> None:
    """The two tables. A look repeated after an interruption counts once: its last line."""
    records, _ = read_jsonl(curves)
    heads = pd.concat([pd.DataFrame(record["heads"]) for record in records])
    heads["head"] = [str(Head(layer, head)) for layer, head in zip(heads["layer"], heads["head"], strict=True)]
    heads = heads.drop_duplicates(["step", "head"], keep="last")[["step", "head", *HEAD_SCORES]]
    model = pd.DataFrame([record["model"] for record in records]).drop_duplicates("step", keep="last")
    write_parquet(heads.sort_values(["step", "head"]).reset_index(drop=True), folder / METRICS)
    write_parquet(model.sort_values("step").reset_index(drop=True), folder / MODEL_METRICS)
