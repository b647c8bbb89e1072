"""How long an attribution will take: its passes timed on a few rows of its study, and multiplied."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from mda.checkpoints.folder import load_model
from mda.corpora.rows import RemoteRows
from mda.curvature.registry import find_curvature
from mda.heads.blocks import Block, block_shape
from mda.influence.capture import Capture
from mda.influence.directions import observe_rows, piece_gradients, probe_pieces, probe_targets
from mda.influence.score import Scorer, in_format
from mda.probes.probes import find_probe
from mda.workflows.attribution_task import AttributeRequest, AttributionTask
from mda.workflows.pace import Rates, in_words

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

# A pass is repeated for this share of the whole, within these seconds, after one to warm up; one that takes
# `LONGEST` by itself is its own warm-up.
PRECISION, SHORTEST, LONGEST = 0.005, 0.02, 1.0


class Estimate(BaseModel):
    """Expected seconds of a whole attribution and of its parts, from the rates measured here."""

    model_config = ConfigDict(frozen=True)

    seconds: float
    rows: int
    steps: int
    parts: dict[str, float]
    rates: Rates
    text: str


def estimate_attribution(request: AttributeRequest) -> Estimate:
    """Time the passes of an attribution on a few of its rows, and make nothing of it.

    A checkpoint that is on this machine stands for those asked for where one of those would have to be brought
    first. Raises UserError for whatever the study does not have.
    """
    task = AttributionTask(request)
    source = task.study.source
    nearest = [step for step in [*task.steps, *task.study.steps] if source.here(step)]
    step = [*nearest, *task.steps][0]
    folder = source.folder(step)
    begun = time.perf_counter()
    model = load_model(folder, task.device)
    return estimated(task, model, time.perf_counter() - begun)


def estimated(
    task: AttributionTask, model: GPTNeoXForCausalLM, load: float, tick: Callable[[], None] = lambda: None
) -> Estimate:
    """The estimate from a loaded checkpoint that took `load` seconds; `tick` is called between measurements."""
    begun = time.perf_counter()
    rows = task.rows[: task.batch_size]
    tokens = task.study.rows[rows]
    rough = _scoring(task, model, task.question.carriers(), tokens, 1, SHORTEST) * task.work.rows_passed
    least = min(max(SHORTEST, PRECISION * rough), LONGEST)
    tick()
    probe, blocks = _probe(task, model, least)
    tick()
    fit = _fit(task, model, blocks, rows, tokens, least)
    tick()
    check = _scoring(task, model, blocks, tokens, 4, least)
    tick()
    scoring = in_format(deepcopy(model), "bfloat16") if task.bfloat16 else model
    score = _scoring(task, scoring, blocks, tokens, 1, least)
    rates = Rates(load=load, probe=probe, fit_row=fit, check_row=check, score_row=score)
    parts = task.work.seconds(rates)
    seconds = sum(parts.values()) + time.perf_counter() - begun
    return Estimate(
        seconds=seconds,
        rows=task.work.rows,
        steps=task.work.steps,
        parts=parts,
        rates=rates,
        text=f"About {in_words(seconds)}: {_detail(task, parts, rates)}",
    )


def _probe(task: AttributionTask, model: GPTNeoXForCausalLM, least: float) -> tuple[float, list[Block]]:
    """Seconds of the probe's gradient at one step, and the blocks that it reaches.

    Sequences of three lengths are timed, and those between them interpolated.
    """
    question, batches = task.question, sorted(task.sequences, key=lambda batch: batch.length)
    probe = find_probe(question.probe)
    targets = probe_targets(probe, question.heads, question.carriers(), question.own)
    heads, mine = targets[len(targets) // 2]
    each: dict[int, float] = {}
    reached: set[str | Block] = set()
    with Capture(model, mine) as capture:
        for number in sorted({0, len(batches) // 2, len(batches) - 1}):
            piece = probe_pieces(model, batches[number])[0]

            def run(piece: Any = piece) -> None:
                _, gradients = piece_gradients(capture, probe, piece, heads, mine)
                reached.update(block.name if question.own else block for block, g in gradients.items() if g.any())

            each[piece.length] = _seconds(run, model, least / 3) / len(piece.tokens)
    lengths = [batch.length for batch in batches]
    per_sequence = np.interp(lengths, list(each), list(each.values()))
    seconds = float(per_sequence @ [len(batch.tokens) for batch in batches]) * len(targets)
    blocks = [b for b in question.carriers() if (b.name if question.own else b) in reached]
    return seconds, blocks or question.carriers()


def _fit(
    task: AttributionTask,
    model: GPTNeoXForCausalLM,
    blocks: list[Block],
    rows: np.ndarray,
    tokens: np.ndarray,
    least: float,
) -> float:
    """Seconds of a row in a pass of both fits, mean over the passes; what ends a pass is spread over its rows."""
    fits, found, rest = [find_curvature(task.question.curvature)(blocks) for _ in range(2)], 0.0, 0.0
    with Capture(model, blocks) as capture:
        for number in range(fits[0].passes):

            def run(number: int = number) -> None:
                observe_rows(capture, fits, [0, 1], number, rows, tokens)

            found += _seconds(run, model, least)
            begun = time.perf_counter()
            for fit in fits:
                fit.end_pass(number)
            _wait(model)
            rest += time.perf_counter() - begun
    passes = max(1, fits[0].passes)
    return found / len(rows) / passes + rest / task.work.fit_rows / passes


def _scoring(
    task: AttributionTask,
    model: GPTNeoXForCausalLM,
    blocks: list[Block],
    tokens: np.ndarray,
    sets: int,
    least: float,
) -> float:
    """Seconds of scoring a row along so many sets of directions, which may be any."""
    directions = {block: torch.ones(block_shape(block, task.study.sizes)) for block in blocks}
    with Scorer(model, [directions] * sets, task.question.through) as scorer:
        return _seconds(lambda: scorer.rows(tokens), model, least) / len(tokens)


def _seconds(run: Callable[[], object], model: GPTNeoXForCausalLM, least: float) -> float:
    """Seconds of one run: of the first where that is long, else the mean of some more that take `least`."""
    first = _timed(run, model)
    if first >= LONGEST:
        return first
    times: list[float] = []
    while sum(times) < least:
        times.append(_timed(run, model))
    return sum(times) / len(times)


def _timed(run: Callable[[], object], model: GPTNeoXForCausalLM) -> float:
    begun = time.perf_counter()
    run()
    _wait(model)
    return time.perf_counter() - begun


def _wait(model: GPTNeoXForCausalLM) -> None:
    """Until the device has done what it was told."""
    if model.device.type != "cpu":
        next(model.parameters()).flatten()[:1].cpu()


def _detail(task: AttributionTask, parts: dict[str, float], rates: Rates) -> str:
    """Where the time goes, longest first, and what comes on top of it."""
    work, study = task.work, task.study
    at = f" at {work.steps} steps" if work.steps > 1 else ""
    told = {
        "scores": f"scores {{}} ({work.rows:,} rows{at}, {rates.score_row:.2g} s each)",
        "curvature": f"curvature {{}} (two fits on {work.fit_rows:,} rows)",
        "reliability": f"reliability {{}} ({work.checked:,} rows)",
    }
    longest = sorted(parts, key=lambda name: -parts[name])
    listed = [told.get(name, f"{name} {{}}").format(in_words(parts[name])) for name in longest if parts[name] > 0]
    if task.bfloat16 and rates.score_row >= rates.check_row:
        listed.append("bfloat16 is no faster than float32 on this device")
    brought = [study.source.download_bytes(step) for step in task.steps]
    if isinstance(study.rows, RemoteRows):
        needed = np.union1d(task.rows, task.fit_rows)
        brought.append(int((~study.rows_here(needed)).sum()) * 2 * (study.facts.seq_len + 1))
    if None in brought:
        listed.append("checkpoints are downloaded besides")
    elif sum(size or 0 for size in brought):
        listed.append(f"{sum(size or 0 for size in brought) / 1e6:,.0f} MB are downloaded besides")
    return ", ".join(listed)
