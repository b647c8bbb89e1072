"""The commands that read results: top, compare."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mda.cli.work import Json, reliability_line
from mda.errors import UserError


def top(
    attribution: Annotated[str, typer.Argument(help="Id of an attribution; `mda study show` lists them.")],
    count: Annotated[int, typer.Option("-n", "--count", help="Number of rows.")] = 20,
    bottom: Annotated[bool, typer.Option(help="The rows that suppress most instead.")] = False,
    as_json: Json = False,
) -> None:
    """Show the rows that promote a behaviour most (or suppress it most), as text."""
    from mda.cli.run import print_json
    from mda.studies.attributions import find_attribution
    from mda.studies.study import Study

    if count < 1:
        raise UserError(f"-n {count} shows nothing; give 1 or more.")
    found = find_attribution(attribution)
    study = Study.open(found.study)
    ranked = found.ranked(count, bottom)
    shares = study.shares(ranked["row"].to_numpy())
    kinds = study.kind_names(ranked["row"].to_numpy())
    lines: list[dict[str, Any]] = [
        {
            "rank": rank,
            "row": int(row),
            "step": int(step),
            "score": float(score),
            "kind": kind,
            "repeated_share": float(share),
            "text": study.text(int(row)),
        }
        for rank, (row, step, score, kind, share) in enumerate(
            zip(ranked["row"], ranked["step"], ranked["score"], kinds, shares, strict=True), start=1
        )
    ]
    if as_json:
        print_json({"attribution": found.id, "reliability": found.manifest.result["reliability"], "rows": lines})
        return
    print(found.title)
    print(reliability_line(found.manifest.result["reliability"]))
    for doubt in found.doubts:
        print(doubt)
    for line in lines:
        kind = f"  {line['kind']}" if line["kind"] else ""
        print(
            f"\n{line['rank']}.  row {line['row']}  step {line['step']}  score {line['score']:+.4g}{kind}  "
            f"repeated {100 * line['repeated_share']:.0f} %"
        )
        print(visible(line["text"]))


def visible(text: str) -> str:
    """The text with control characters spelled out, so that training text cannot drive a terminal."""
    return "".join(c if c == "\n" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def compare(
    retrains: Annotated[list[str], typer.Argument(help="Ids of retrains; their baselines are found.")],
    as_json: Json = False,
) -> None:
    """Compare retrains with their baselines: delays and final scores, with intervals over replicates."""
    from mda.cli.run import print_json
    from mda.evidence.delay import BORN_LEVEL
    from mda.studies.retrains import find_retrain
    from mda.workflows.compare import compare as compare_arms

    table = compare_arms(retrains)
    notes = list(dict.fromkeys(sentence for name in retrains for sentence in find_retrain(name).caveats))
    if as_json:
        print_json({"arms": table.to_dict("records"), "caveats": notes})
        return
    if table.empty:
        print(f"No head is born in the baselines: no final score reaches {BORN_LEVEL:g}.")
    else:
        numbers = table.fillna(float("nan")).infer_objects().round(3).replace(-0.0, 0.0)
        print(numbers.to_string(index=False, na_rep="-"))
    print(*notes, sep="\n", end="\n" * bool(notes))


COMMANDS = (top, compare)
