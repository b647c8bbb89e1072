"""The finding: what removing or duplicating rows does to the birth of heads.   python -m benchmarks.finding

For each probe an attribution around the birth, through all heads, summed over two steps; then arms of 10 % of the
window's rows in replicates (rows reshuffled in the window, the same for all arms), and the delay of the induction
heads and of the previous-token head against the baseline. Everything is stored in the study, so an interrupted
run goes on, and the pages show it.
"""

from __future__ import annotations

import argparse
from typing import Any

import pandas as pd

from mda.evidence.enrichment import enrichment
from mda.progress import Progress
from mda.studies.attributions import find_attribution
from mda.studies.retrains import Retrain, find_retrain
from mda.studies.study import Study
from mda.workflows.attribute import attribute
from mda.workflows.attribution_task import AttributeRequest
from mda.workflows.compare import compare_retrains
from mda.workflows.retrain import RetrainRequest, retrain

ARMS = (
    ("remove", "top"),
    ("remove", "bottom"),
    ("remove", "random"),
    ("remove", "matched-kind"),
    ("remove", "matched-repetition"),
    ("duplicate", "top"),
    ("duplicate", "random"),
)
COLUMNS = [
    "arm", "score", "head", "baseline", "final", "change", "change_low", "change_high",
    "delay", "delay_low", "delay_high", "censored", "note",
]  # fmt: skip


def attributed(study: Study, probe: str, options: argparse.Namespace) -> str:
    """Id of the attribution for one probe over the window's rows."""
    size = study.facts.batch_size
    request = AttributeRequest(
        study=study.name,
        steps=tuple(options.steps),
        head=options.heads,
        probe=probe,
        through="all",
        rows=(options.window[0] * size, options.window[1] * size),
    )
    return str(attribute(request, Progress())["id"])


def trained(study: Study, action: str, select: str | None, attribution: str | None, replicate: int,
            options: argparse.Namespace) -> Retrain:  # fmt: skip
    """One arm."""
    start, stop = options.window
    request = RetrainRequest(
        study=study.name,
        from_step=start,
        to_step=stop,
        until=options.until,
        action=action,  # type: ignore[arg-type]
        select=select,  # type: ignore[arg-type]
        fraction=None if select is None else options.fraction,
        attribution=attribution,
        replicate=replicate,
        every=options.every,
    )
    return find_retrain(str(retrain(request, Progress())["id"]))


def described(study: Study, name: str) -> pd.DataFrame:
    """What the top and bottom tenth of an attribution's rows are made of."""
    scores = find_attribution(name).scores()
    rows = scores["row"].to_numpy()
    count = len(rows) // 10
    order = scores["score"].to_numpy().argsort(kind="stable")
    kinds = study.kind_codes(rows)
    groups = {"top 10 %": order[::-1][:count], "bottom 10 %": order[:count]}
    return enrichment(groups, kinds, study.shares(rows))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One line an arm: delay in steps, with its interval, of the induction heads and of the previous-token head.

    Induction heads are taken together (the mean of their curves), the strongest previous-token head alone.
    """
    columns = {}
    for score, title in (("prefix_matching", "induction heads"), ("previous_token", "previous-token head")):
        of_score = table[table["score"] == score]
        alone = of_score[~of_score["head"].str.contains("+", regex=False)]
        joint = of_score[of_score["head"].str.contains("+", regex=False)]
        strongest = alone.sort_values("baseline")["head"].iloc[-1]
        chosen = joint if score == "prefix_matching" and len(joint) else alone[alone["head"] == strongest]
        told = [_told(line) for line in chosen.to_dict("records")]
        columns[f"delay of {title} {chosen['head'].iloc[0]}"] = pd.Series(told, index=chosen["arm"].to_list())
    return pd.DataFrame(columns)


def _told(line: dict[Any, Any]) -> str:
    """`+51 [+40, +62]`, with `>=` where a replicate was censored; no interval from a single replicate."""
    bound = ">= " if line["censored"] else ""
    spread = "" if pd.isna(line["delay_low"]) else f" [{line['delay_low']:+.0f}, {line['delay_high']:+.0f}]"
    return f"{bound}{line['delay']:+.0f}{spread}"


def main() -> None:
    """Print, for each probe, what its rows are made of and what changing them did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default="demo")
    parser.add_argument("--probes", nargs="+", default=["prefix_matching", "induction"])
    parser.add_argument("--heads", default="L1H0,L1H2", help="whose behaviour the probe measures")
    parser.add_argument("--steps", type=int, nargs="+", default=[500, 600])
    parser.add_argument("--window", type=int, nargs=2, default=[400, 700])
    parser.add_argument("--until", type=int, default=1000)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--fraction", type=float, default=0.1)
    parser.add_argument("--replicates", type=int, default=3)
    options = parser.parse_args()
    study = Study.open(options.study)
    replicates = range(1, options.replicates + 1)
    for replicate in replicates:
        trained(study, "baseline", None, None, replicate, options)
    pd.set_option("display.width", 250)
    for probe in options.probes:
        name = attributed(study, probe, options)
        reliability = find_attribution(name).manifest.result["reliability"]
        print(f"\n{name}: Spearman of probe halves {reliability['probe_halves']:.3f}, "
              f"of label seeds {reliability['label_seeds']:.3f}")  # fmt: skip
        print(described(study, name).round(3).to_string(index=False))
        arms = [
            trained(study, action, select, name, replicate, options)
            for replicate in replicates
            for action, select in ARMS
        ]
        table = compare_retrains(arms)
        print(table[COLUMNS].round(2).to_string(index=False, na_rep="-"))
        print(f"\nDelay in steps, mean of {options.replicates} replicates [95 % bootstrap interval]")
        print(summary(table).to_string(), flush=True)


if __name__ == "__main__":
    main()
