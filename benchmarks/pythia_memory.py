"""Memory and time of whole attributions at the shapes of Pythia-14M and 70M.   python -m benchmarks.pythia_memory

Random weights and random rows of 2048 tokens; `mda attribute` of one head through all heads with EK-FAC, in a
process of its own for every number of rows, so that the peak of memory is its own. The curvature is fitted
on few rows, which changes the time and not the memory. Told beside it: the estimate that the job made first, as a
share of what it took.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from transformers import GPTNeoXConfig

from benchmarks.end_to_end import RUN, measured
from benchmarks.pythia_shape import shape_of_14m, shape_of_70m
from mda.checkpoints.folder import save_checkpoint
from mda.studies.add import add_study
from mda.studies.attributions import list_attributions
from mda.training.recipe import new_model

SHAPES: dict[str, Callable[[], GPTNeoXConfig]] = {"14m": shape_of_14m, "70m": shape_of_70m}


def add_shape(folder: Path, name: str, rows: int) -> None:
    """A study of one checkpoint with random weights and rows."""
    save_checkpoint(folder / name / "checkpoints" / "step0", new_model(SHAPES[name](), 0), None)
    tokens = np.random.default_rng(0).integers(2, 50277, (rows, 2049), dtype=np.uint16)
    tokens[:, 1025:] = tokens[:, :1024]  # something to copy
    np.save(folder / name / "rows.npy", tokens)
    add_study(name, folder / name / "checkpoints", folder / name / "rows.npy", None, None)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--fit-rows", type=int, default=8)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    asked = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as place:
        os.environ["MDA_CACHE"] = str(Path(place) / "cache")
        for name in asked.shapes:
            add_shape(Path(place), name, max(asked.rows))
            for rows in asked.rows:
                what = ["--step", "0", "--head", "L2H1", "--through", "all", "--rows", f"0:{rows}"]
                how = ["--fit-rows", str(asked.fit_rows), "--dtype", asked.dtype, "--json"]
                seconds, peak, _ = measured(["-c", RUN, "attribute", name, *what, *how])
                made = list_attributions(name)[0].manifest
                rates, expected = made.result["rates"], made.result["estimated_seconds"]
                line = {
                    "shape": name, "rows": rows, "peak GB": peak, "seconds": seconds,
                    "s/row scored": rates["score_row"], "s/row of a fit's pass": rates["fit_row"],
                    "s of the probe": rates["probe"], "estimate/truth": expected / made.seconds,
                }  # fmt: skip
                if asked.dtype == "bfloat16":
                    line |= {"s/row fp32": rates["check_row"], "Spearman": made.result["reliability"]["bfloat16"]}
                lines.append(line)
                print({key: value if isinstance(value, str) else round(value, 3) for key, value in line.items()})
    print(pd.DataFrame(lines).round(2).to_string(index=False))


if __name__ == "__main__":
    main()
