"""Time and memory of every stage on a Pythia-14M-shaped study.   python -m benchmarks.end_to_end

6 layers, d_model 128, 4 heads, vocabulary 50304, rows of 2048 tokens; random weights at steps 0 and 4 and random
rows, 1,024 a step as Pythia's, of which retrains use 4. Every stage is a process of its own, as a user would run
it, so that its peak of resident memory is its own. What the numbers of a random model say is of no interest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.pythia_shape import shape_of_14m
from mda.checkpoints.folder import save_checkpoint
from mda.studies.attributions import find_attribution
from mda.training.recipe import new_model

STUDY = "pythia-14m-shaped"
RUN = "import sys; from mda.cli.main import run; sys.exit(run(sys.argv[1:]))"
ROW_PAGE = """
import sys
from streamlit.testing.v1 import AppTest
at = AppTest.from_file(sys.argv[1], default_timeout=600).run()
at.query_params.update(dict(part.split("=", 1) for part in sys.argv[2:]))
at.switch_page("pages/4_Row.py").run()
assert not at.exception and not at.error, (at.exception, at.error)
"""


def measured(arguments: list[str]) -> tuple[float, float, str]:
    """Seconds, peak resident GB and stdout of a process. Raises RuntimeError where it fails."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen([sys.executable, *arguments], stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        out.seek(0)
        err.seek(0)
        if status:
            raise RuntimeError(f"{arguments[2:]} failed: {err.read()[-2000:]}")
        scale = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
        return seconds, used.ru_maxrss * scale / 1e9, out.read()


def prepare(folder: Path, steps: tuple[int, ...], rows: int) -> None:
    """Checkpoints and rows as a user would bring them."""
    for number, step in enumerate(steps):
        save_checkpoint(folder / "checkpoints" / f"step{step}", new_model(shape_of_14m(), number), None)
    tokens = np.random.default_rng(0).integers(2, 50277, (rows, 2049), dtype=np.uint16)
    tokens[:, 1025:] = tokens[:, :1024]  # something to copy, so that spans are measured on real work
    np.save(folder / "rows.npy", tokens)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=64, help="rows to attribute")
    asked = options.parse_args()
    lines: list[dict[str, Any]] = []

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["MDA_CACHE"] = str(folder / "cache")
        prepare(folder, (0, 4), 5 * 1024 + 16)

        def stage(name: str, arguments: list[str]) -> dict[str, Any]:
            seconds, peak, out = measured(arguments)
            lines.append({"stage": name, "seconds": round(seconds, 1), "peak GB": round(peak, 2)})
            print(f"{name}: {seconds:.1f} s, {peak:.2f} GB", flush=True)
            return json.loads(out) if out else {}

        def mda(name: str, *arguments: str) -> dict[str, Any]:
            return stage(name, ["-c", RUN, *arguments, "--json"])

        stage("start of Python and the libraries", ["-c", "import transformers, torch, mda.workflows.registry"])
        sources = ["--checkpoints", str(folder / "checkpoints"), "--rows", str(folder / "rows.npy")]
        mda("add", "study", "add", STUDY, *sources)
        mda("heads, 2 checkpoints", "heads", STUDY)
        chosen = ["--step", "4", "--head", "L2H1", "--fit-rows", str(asked.rows), "--probe-sequences", "64"]
        told = mda(
            f"attribute {asked.rows} rows",
            "attribute",
            STUDY,
            *chosen,
            "--through",
            "all",
            "--rows",
            f"0:{asked.rows}",
        )
        made = find_attribution(told["id"]).manifest
        truth = f"{made.result['estimated_seconds']:.0f} s for {made.seconds:.0f} s"
        print(f"  the estimate it made first, once its checkpoint was loaded: {truth}", flush=True)
        mda("top", "top", told["id"], "-n", "10")
        page = [f"study={STUDY}", "head=L2H1", "step=4", f"attribution={told['id']}", "row=3"]
        stage("first page, then the row's", ["-c", ROW_PAGE, str(Path("app.py").resolve()), *page])
        window = ["--from", "0", "--to", "4", "--rows-per-step", "4", "--every", "2"]
        mda("retrain of 4 steps, baseline", "retrain", STUDY, *window, "--action", "baseline")
        removed = ["--action", "remove", "--select", "random", "--fraction", "0.25"]
        mda("retrain of 4 steps, a quarter removed", "retrain", STUDY, *window, *removed)
    print(pd.DataFrame(lines).to_string(index=False))


if __name__ == "__main__":
    main()
