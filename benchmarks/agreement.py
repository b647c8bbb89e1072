"""Rank agreement of curvatures with the exact one on a small head.   python -m benchmarks.agreement

Scores of the same rows for the same probe under each curvature, all fitted on the same rows and labels; Spearman
with the scores under the exact curvature, over fit seeds. Exact is itself fitted on sampled labels: its agreement
with itself under other labels is the ceiling of this comparison.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd

from mda.curvature.registry import CURVATURES
from mda.evidence.intervals import mean_interval
from mda.evidence.reliability import spearman
from mda.heads.blocks import blocks_of
from mda.heads.geometry import Head
from mda.influence.attribute import fit_sample
from mda.influence.directions import fit_curvature, mean_of, probe_gradients, solved
from mda.influence.score import Scorer
from mda.probes.probes import find_probe
from mda.studies.study import Study
from mda.workflows.attribution_task import AttributeRequest, AttributionTask


def scores_under(
    study: Study, step: int, head: str, probe: str, name: str, seed: int, fit: int, rows: np.ndarray
) -> np.ndarray:
    """Scores [N] of `rows` under one curvature fitted with one seed; the probe is the same for all."""
    request = AttributeRequest(
        study=study.name, steps=(step,), head=head, probe=probe, rows=(0, study.facts.trained)
    )
    task = AttributionTask(request)
    model = study.load(step)
    heads = [Head.parse(head)]
    first, second, _ = probe_gradients(
        model, find_probe(probe), task.sequences, heads, blocks_of(heads, "qkvo"), own=True
    )
    chosen = fit_sample(task.rows, fit, seed)

    def chunks(numbers: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(numbers), task.batch_size):
            part = numbers[start : start + task.batch_size]
            yield part, study.rows[part]

    curvature = fit_curvature(model, CURVATURES[name](list(first)), lambda: chunks(chosen), seed)
    directions = solved(curvature, mean_of(first, second))
    with Scorer(model, [directions], heads) as scorer:
        return np.concatenate([scorer.rows(tokens)[0, 0] for _, tokens in chunks(rows)])


def main() -> None:
    """Print one table a probe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default="demo")
    parser.add_argument("--step", type=int, default=700)
    parser.add_argument("--head", default="L1H0")
    parser.add_argument("--fit-rows", type=int, default=4096)
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    study = Study.open(options.study)
    rows = fit_sample(np.arange(study.facts.trained), options.rows, 99)
    for probe in ("prefix_matching", "induction"):

        def scored(name: str, seed: int, probe: str = probe) -> np.ndarray:
            return scores_under(study, options.step, options.head, probe, name, seed, options.fit_rows, rows)

        exact = {seed: scored("exact", seed) for seed in range(options.seeds + 1)}
        lines = []
        for name in ("identity", "diagonal", "kfac", "ekfac", "exact"):
            agreements = [
                # exact against exact compares two seeds, every other curvature the same seed
                spearman(exact[seed], exact[seed + 1] if name == "exact" else scored(name, seed))
                for seed in range(options.seeds)
            ]
            spread = mean_interval(np.array(agreements))
            label = "exact, other rows and labels" if name == "exact" else name
            lines.append((label, spread.mean, min(agreements), max(agreements)))
        print(f"{probe} of {options.head} at step {options.step}, {options.fit_rows} fit rows")
        table = pd.DataFrame(lines, columns=["curvature", "Spearman with exact", "lowest", "highest"])
        print(table.round(3).to_string(index=False), end="\n\n")


if __name__ == "__main__":
    main()
