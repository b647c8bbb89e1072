"""Speed at demo size against the row-at-a-time reference.   python -m benchmarks.speed [--reference-rows 600]

Ours is measured end to end as `mda attribute` does it: probe, two curvature fits at once (one for reliability),
the reliability sample, scores of all rows, files. The reference is timed for each of its three passes on a
number of rows and scaled to the whole, its cost being the same for every row; both agree on the scores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr

from benchmarks.reference import RowAtATime
from mda.influence.directions import mean_of, probe_gradients
from mda.influence.next_token import row_uniforms
from mda.probes.probes import find_probe
from mda.progress import Progress
from mda.studies.attributions import find_attribution
from mda.studies.study import Study
from mda.workflows.attribute import attribute
from mda.workflows.attribution_task import AttributeRequest, AttributionTask


def timed_reference(task: AttributionTask, sample: int, plain: bool) -> tuple[float, np.ndarray, np.ndarray]:
    """Seconds of the whole reference attribution (scaled), sampled row numbers and their reference scores."""
    study, head = task.study, task.question.heads[0]
    frozen = study.load(task.steps[0])
    blocks = task.question.carriers()
    first, second, _ = probe_gradients(
        frozen, find_probe(task.question.probe), task.sequences, [head], blocks, own=True
    )
    model = study.load(task.steps[0]).requires_grad_(True)
    gradient = mean_of(first, second)
    reference = RowAtATime(model, [block for block in blocks if block in gradient], plain)
    rng = np.random.default_rng(0)
    fit = rng.choice(task.fit_rows, min(sample, len(task.fit_rows)), replace=False)
    scored = np.sort(rng.choice(task.rows, sample, replace=False))
    draws = [list(row_uniforms(0, fit, study.facts.seq_len, draw).numpy()) for draw in range(2)]
    times = [time.perf_counter()]
    QA, QS = reference.covariances(study.rows[fit], draws[0])
    times.append(time.perf_counter())
    values = reference.eigenvalues(study.rows[fit], draws[1], QA, QS)
    times.append(time.perf_counter())
    scores = reference.scores(study.rows[scored], gradient, QA, QS, values)
    times.append(time.perf_counter())
    per_row = np.diff(times) / [len(fit), len(fit), len(scored)]
    whole = (per_row * [len(task.fit_rows), len(task.fit_rows), len(task.rows)]).sum()
    return float(whole), scored, scores


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default="demo")
    parser.add_argument("--step", type=int, default=700)
    parser.add_argument("--head", default="L1H0")
    parser.add_argument("--rows", type=int, default=45_056)
    parser.add_argument("--reference-rows", type=int, default=600)
    options = parser.parse_args()
    study = Study.open(options.study)
    rows = (0, min(options.rows, study.facts.trained))
    lines = []
    one = AttributeRequest(study=study.name, steps=(options.step,), head=options.head, rows=rows)
    plain_seconds, _, _ = timed_reference(AttributionTask(one), options.reference_rows, plain=True)
    lean_seconds, sampled, reference = timed_reference(AttributionTask(one), options.reference_rows, plain=False)
    for label, seconds in (
        ("row at a time, all weights", plain_seconds),
        ("row at a time, its layer", lean_seconds),
    ):
        lines.append((label, seconds, seconds, plain_seconds / seconds, lean_seconds / seconds))
    agreement = float("nan")
    for label, head in ((f"ours, {options.head}", options.head), ("ours, all heads", "all")):
        with tempfile.TemporaryDirectory() as folder:
            seconds, scores = timed_ours(one.model_copy(update={"head": head}), Path(folder))
        heads = len(study.sizes.parse_heads(head))
        if heads == 1:
            agreement = float(spearmanr(scores["score"].to_numpy()[sampled - rows[0]], reference).statistic)
        each = seconds / heads
        lines.append((label, seconds, each, plain_seconds / each, lean_seconds / each))
    columns = ["attribution", "seconds", "seconds per head", "times faster than all weights", "than its layer"]
    table = pd.DataFrame(lines, columns=columns)
    print(f"{rows[1] - rows[0]} rows of {study.facts.seq_len} tokens, {torch.get_num_threads()} threads")
    print(table.round(2).to_string(index=False))
    print(f"Reference timed on {options.reference_rows} rows a pass; Spearman with ours on them {agreement:.4f}")


def timed_ours(request: AttributeRequest, folder: Path) -> tuple[float, pd.DataFrame]:
    """Seconds of one attribution end to end in an empty cache that shares the study, and its scores."""
    source = Study.open(request.study).folder.parent
    former = os.environ.get("MDA_CACHE")
    (folder / request.study).mkdir()
    (folder / request.study / "study").symlink_to(source / "study")
    os.environ["MDA_CACHE"] = str(folder)
    try:
        begun = time.perf_counter()
        name = attribute(request, Progress())["id"]
        seconds = time.perf_counter() - begun
        return seconds, find_attribution(name).scores()
    finally:
        os.environ.pop("MDA_CACHE") if former is None else os.environ.update(MDA_CACHE=former)


if __name__ == "__main__":
    main()
