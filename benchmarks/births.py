"""Does the demo's phase change depend on luck?   python -m benchmarks.births --seeds 0 1 2

Trains the demo from several initial seeds (as `mda demo --seed K`; what is there already costs nothing) and
prints, for the last checkpoints' mean and for the first quarter of training, what the issue of a demo is: a
previous-token head above .8, an induction head above .4, and no prefix matching before a quarter of the steps.
"""

from __future__ import annotations

import argparse

import pandas as pd

from mda.evidence.births import births
from mda.progress import Progress
from mda.workflows.demo import DemoRequest, build_demo
from mda.workflows.head_scores import head_table


def main() -> None:
    """Print one line a seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    lines = []
    for seed in options.seeds:
        request = DemoRequest(seed=seed)
        build_demo(request, Progress())
        table = head_table(request.study)
        born = births(table)
        induction = born[born["score"] == "prefix_matching"].sort_values("final").iloc[-1]
        previous = born[born["score"] == "previous_token"].sort_values("final").iloc[-1]
        early = table[table["step"] <= request.steps // 4]
        mine = early[(early["layer"] == induction["layer"]) & (early["head"] == induction["head"])]
        lines.append(
            {
                "seed": seed,
                "induction head": f"L{induction['layer']}H{induction['head']}",
                "prefix matching": induction["final"],
                "born at": induction["birth_step"],
                "its first quarter, highest": mine["prefix_matching"].max(),
                "any head's": early["prefix_matching"].max(),
                "previous-token head": f"L{previous['layer']}H{previous['head']}",
                "previous token": previous["final"],
                "born at ": previous["birth_step"],
            }
        )
    print(pd.DataFrame(lines).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
