"""`mda retrain`: one arm, from a stored checkpoint through a window with some rows removed or duplicated."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from mda.checkpoints.folder import find_steps, has_optimizer, load_model, load_optimizer, save_checkpoint
from mda.errors import UserError
from mda.heads.geometry import Head
from mda.heads.scores import HEAD_SCORES
from mda.interventions.controls import random_control
from mda.interventions.selection import select_rows
from mda.interventions.weights import row_weights, shuffled_order
from mda.progress import Progress
from mda.store.artefact import Workspace, building
from mda.store.identity import array_digest, identity
from mda.store.tables import append_jsonl, read_jsonl, write_parquet
from mda.studies.retrains import (
    BASELINE,
    CHANGED_ROWS,
    CONTROL_OF,
    KIND,
    METRICS,
    MODEL_METRICS,
    arm_label,
    retrain_folder,
)
from mda.studies.study import Study
from mda.training.loop import Plan, train
from mda.training.recipe import new_optimizer
from mda.workflows.head_scores import CheckpointScorer
from mda.workflows.live import live_scores
from mda.workflows.selection import chosen_rows

_CURVES = "curves.jsonl"
_RESUME = "resume"


class RetrainRequest(BaseModel):
    """`mda retrain`. The intervention lies in steps [from_step, to_step); training goes on to `until`
    (None = to_step) on unchanged rows. Action `baseline` changes nothing. Selection `rows` changes the rows that
    are named; `random` with rows and no fraction changes as many others from the same steps, as their control."""

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


class RetrainsRequest(BaseModel):
    """Several arms, one after another in one job: on a small machine two at once are slower than in turn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arms: tuple[RetrainRequest, ...] = Field(min_length=1)


def retrain_all(request: RetrainsRequest, progress: Progress) -> dict[str, Any]:
    """Train all arms in order; those that are there already cost nothing. Returns their results in order."""
    stages = [f"arm {number} of {len(request.arms)}" for number in range(1, len(request.arms) + 1)]
    progress.plan(**dict.fromkeys(stages, 1.0))
    return {"retrains": [retrain(arm, progress, stage) for arm, stage in zip(request.arms, stages, strict=True)]}


def retrain(request: RetrainRequest, progress: Progress, stage: str = "retrain") -> dict[str, Any]:
    """Train the arm, or return the one that is there already.

    Returns id, paths of the tables, the number of changed rows and how well a control matches. Starts with the
    checkpoint's optimizer state, or with a fresh Adam where none is stored (`fresh_optimizer`).
    """
    study = Study.open(request.study)
    window, until = _schedule(study, request)
    if request.action == BASELINE:
        if (request.select, request.fraction, request.attribution, request.rows) != (None,) * 4:
            raise UserError(
                "A baseline changes nothing: leave --select, --fraction, --attribution and --rows out."
            )
        changed, match, control_of = np.zeros(0, dtype=np.int64), dict[str, float](), dict[str, str]()
        weights = np.ones(len(window), dtype=np.float32)
    else:
        if request.select is None:
            raise UserError("Say which rows with --select, for example --select top.")
        changed, match = rows_to_change(study, window, request)
        control_of = _control_of(window, request)
        weights = row_weights(len(window), changed, request.action)
    scorer = CheckpointScorer.of(study.facts, study.rows)
    fresh = not study.source.has_optimizer(request.from_step)
    spec = {
        "study": study.manifest.identity,
        "weights": study.weights_digest(request.from_step),
        "from": request.from_step,
        "to": request.to_step,
        "until": until,
        "action": request.action,
        "select": request.select,
        "fraction": request.fraction,
        "attribution": request.attribution,
        "changed_rows": array_digest(window[changed]),
        "replicate": request.replicate,
        "every": request.every,
        "recipe": study.facts.recipe.model_dump(),
        "optimizer": "fresh" if fresh else "stored",
        "scores": scorer.settings(),
        **control_of,
    }
    order = window[shuffled_order(len(window), request.replicate)]
    plan = Plan(lambda n: study.rows[n], int(window[0]), order, weights)
    with building(retrain_folder(study.name, _name(request, spec)), KIND, spec) as work:
        if work.ready:
            progress.stage(stage, 1, 1)
        else:
            write_parquet(_row_table(study, window, changed, weights), work.folder / CHANGED_ROWS)
            progress.stage(stage, until - request.from_step)
            _run(study, request, until, plan, scorer, work, progress)
            work.finish({"rows": len(changed), "match": match, "fresh_optimizer": fresh})
            # only now, because without them an interrupted attempt could not be finished
            (work.final / _CURVES).unlink()
            shutil.rmtree(work.final / _RESUME, ignore_errors=True)
        manifest, folder = work.manifest, work.final
    assert manifest is not None
    return {
        "id": folder.name,
        "study": study.name,
        "metrics": str(folder / METRICS),
        "model_metrics": str(folder / MODEL_METRICS),
        **manifest.result,
    }


def _schedule(study: Study, request: RetrainRequest) -> tuple[np.ndarray, int]:
    """Rows of the window and the last step. Raises UserError where rows or steps do not suffice."""
    study.check_step(request.from_step)
    until = request.to_step if request.until is None else request.until
    if not request.from_step < request.to_step <= until:
        raise UserError(
            f"The window runs from step {request.from_step} to {request.to_step} and training until {until}; "
            "each must come after the one before."
        )
    size = study.facts.batch_size
    if until * size > study.facts.held_out[0] and study.facts.held_out[0] > 0:
        raise UserError(
            f"Step {until} would train on held-out rows; study '{study.name}' has training rows for steps up to "
            f"{study.facts.held_out[0] // size}."
        )
    study.check_range(request.from_step * size, until * size)
    return np.arange(request.from_step * size, request.to_step * size), until


def rows_to_change(
    study: Study, window: np.ndarray, request: RetrainRequest
) -> tuple[np.ndarray, dict[str, float]]:
    """Positions in the window (rows `window`, ascending) that an arm changes, and how well a control matches.

    Raises UserError for a selection that lacks what it needs.
    """
    if not _is_control_of_rows(request):
        asked = (request.fraction, request.attribution, request.rows, request.replicate)
        return chosen_rows(study, window, str(request.select), *asked)
    named = select_rows(request.rows or (), len(window), int(window[0]))
    control = random_control(named, study.step_of(window), np.random.default_rng([request.replicate, 2]))
    return control.rows, {"relaxed": control.relaxed, "step_gap": control.step_gap}


def _is_control_of_rows(request: RetrainRequest) -> bool:
    return (
        request.select == "random"
        and bool(request.rows)
        and (request.fraction, request.attribution) == (None,) * 2
    )


def _control_of(window: np.ndarray, request: RetrainRequest) -> dict[str, str]:
    """For a control of named rows their digest, which its specification holds beside the digest of its own."""
    if not _is_control_of_rows(request):
        return {}
    return {CONTROL_OF: array_digest(window[select_rows(request.rows or (), len(window), int(window[0]))])}


def _name(request: RetrainRequest, spec: dict[str, Any]) -> str:
    """A folder name that a person can read, made unique by the identity."""
    what: list[str] = [request.action]
    if request.action != BASELINE:
        what.append(str(request.select))
        if request.fraction is not None:
            what.append(f"{request.fraction:g}")
    return f"{'-'.join(what)}_s{request.from_step}-{request.to_step}_r{request.replicate}-{identity(spec)[:8]}"


def _row_table(study: Study, window: np.ndarray, changed: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    rows = window[changed]
    return pd.DataFrame({"row": rows, "step": study.step_of(rows), "weight": weights[changed]})


def _run(
    study: Study,
    request: RetrainRequest,
    until: int,
    plan: Plan,
    scorer: CheckpointScorer,
    work: Workspace,
    progress: Progress,
) -> None:
    """Train and look every few steps; each look is followed by a checkpoint from which a resume goes on."""
    resume, curves = work.folder / _RESUME, work.folder / _CURVES
    label = arm_label(request.action, request.select, request.fraction)
    reached = _last_checkpoint(resume)
    folder = study.checkpoint(request.from_step) if reached is None else resume / f"step{reached}"
    start = request.from_step if reached is None else reached
    model = load_model(folder).requires_grad_(True)
    optimizer = new_optimizer(model, study.facts.recipe)
    if has_optimizer(folder):
        load_optimizer(folder, model, optimizer)

    def look(step: int, loss: float | None) -> None:
        heads, models = scorer.score(model)
        heads.insert(0, "step", step)
        append_jsonl(curves, {"heads": heads.to_dict("list"), "model": {"step": step, "loss": loss, **models}})
        progress.record(arm=label, replicate=request.replicate, step=step, **live_scores(heads), **models)

    progress.skip(start - request.from_step)
    if reached is None:
        curves.unlink(missing_ok=True)
        look(start, None)
    for step, loss in train(model, optimizer, plan, study.facts.recipe, start, until):
        if (step - request.from_step) % request.every == 0 or step == until:
            look(step, loss)
            save_checkpoint(resume / f"step{step}", model, optimizer)
            if reached is not None:
                shutil.rmtree(resume / f"step{reached}", ignore_errors=True)
            reached = step
        progress.advance()
    _write_curves(curves, work.folder)


def _last_checkpoint(resume: Path) -> int | None:
    try:
        return max(find_steps(resume))
    except UserError:
        return None


def _write_curves(curves: Path, folder: Path) -> None:
    """The two tables. A look repeated after an interruption counts once: its last line."""
    records, _ = read_jsonl(curves)
    heads = pd.concat([pd.DataFrame(record["heads"]) for record in records])
    heads["head"] = [str(Head(layer, head)) for layer, head in zip(heads["layer"], heads["head"], strict=True)]
    heads = heads.drop_duplicates(["step", "head"], keep="last")[["step", "head", *HEAD_SCORES]]
    model = pd.DataFrame([record["model"] for record in records]).drop_duplicates("step", keep="last")
    write_parquet(heads.sort_values(["step", "head"]).reset_index(drop=True), folder / METRICS)
    write_parquet(model.sort_values("step").reset_index(drop=True), folder / MODEL_METRICS)
