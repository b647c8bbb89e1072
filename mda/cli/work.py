"""The commands that compute: demo, heads, attribute, retrain."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mda.cli.parse import parse_range, parse_rows, parse_steps

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
StudyName = Annotated[str, typer.Argument(help="Name of the study; `mda study list` shows them.")]


def demo(
    seed: Annotated[int, typer.Option(help="Initial weights; 0 is the demo, K makes `demo-seedK`.")] = 0,
    steps: Annotated[int, typer.Option(help="Training steps, a multiple of 100.")] = 1600,
    as_json: Json = False,
) -> None:
    """Build the demo study: corpus, model, head scores and a first attribution (minutes on 2 cores)."""
    from mda.workflows.demo import DemoRequest
    from mda.workflows.registry import checked

    request = checked(DemoRequest, {"seed": seed, "steps": steps})
    _run("demo", request, request.study, as_json, "Study '{study}' is ready; look at it with `mda app`.")


def heads(
    study: StudyName,
    steps: Annotated[str | None, typer.Option(help="Checkpoints, as 0,100,…; all by default.")] = None,
    preset: Annotated[
        str,
        typer.Option(help="Sequences: varied periods, or olsson (25 tokens x 4) or transformer-lens (50 x 2)."),
    ] = "varied",
    as_json: Json = False,
) -> None:
    """Score all heads at checkpoints: two tables, filled step by step."""
    from mda.workflows.head_scores import HeadsRequest
    from mda.workflows.registry import checked

    chosen = None if steps is None else parse_steps(steps)
    request = checked(HeadsRequest, {"study": study, "steps": chosen, "preset": preset})
    _run("heads", request, study, as_json, "Head scores: {head_scores}")


def attribute(
    study: StudyName,
    step: Annotated[str, typer.Option(help="Checkpoint, or several as 1300,1500: their scores are summed.")],
    head: Annotated[str, typer.Option(help="Whose behaviour: L1H3, L1H2,L1H3 or all.")],
    probe: Annotated[
        str, typer.Option(help="What the influence is about: prefix_matching, previous_token or induction.")
    ] = "prefix_matching",
    blocks: Annotated[str, typer.Option(help="qk, or qkvo for QK, V and O.")] = "qkvo",
    through: Annotated[
        str | None, typer.Option(help="Through whose parameters: heads or all; by default the same as --head.")
    ] = None,
    rows: Annotated[
        str | None, typer.Option(help="Rows A:B (B not included); all training rows by default.")
    ] = None,
    fit_rows: Annotated[int, typer.Option(help="Random rows that the curvature is fitted on.")] = 2048,
    curvature: Annotated[str, typer.Option(help="ekfac, kfac, diagonal, identity or exact.")] = "ekfac",
    seed: Annotated[int, typer.Option(help="Seed of probe sequences, fit rows and sampled labels.")] = 0,
    probe_sequences: Annotated[int, typer.Option(help="Sequences of the probe.")] = 512,
    as_json: Json = False,
) -> None:
    """Score training rows by their influence on a head's behaviour; positive: training on the row promotes it."""
    from mda.workflows.attribution_task import AttributeRequest
    from mda.workflows.registry import checked

    request = checked(
        AttributeRequest,
        {
            "study": study,
            "steps": parse_steps(step),
            "head": head,
            "probe": probe,
            "blocks": blocks,
            "through": through,
            "rows": None if rows is None else parse_range(rows),
            "fit_rows": fit_rows,
            "curvature": curvature,
            "seed": seed,
            "probe_sequences": probe_sequences,
        },
    )
    _run("attribute", request, study, as_json, "Attribution {id}\n{scores}\n{reliable}")


def retrain(
    study: StudyName,
    from_step: Annotated[int, typer.Option("--from", help="Checkpoint to start from; the window begins here.")],
    to_step: Annotated[int, typer.Option("--to", help="Step at which the window ends.")],
    action: Annotated[str, typer.Option(help="remove, duplicate, or baseline (changes nothing).")],
    select: Annotated[
        str | None, typer.Option(help="top, bottom, random, matched-kind, matched-repetition or rows.")
    ] = None,
    fraction: Annotated[float | None, typer.Option(help="Share of the window's rows, such as 0.1.")] = None,
    attribution: Annotated[str | None, typer.Option(help="Id of the attribution that chooses.")] = None,
    rows: Annotated[
        str | None, typer.Option(help="With --select rows, or random for their control: 12,40,100:120, or @FILE.")
    ] = None,
    until: Annotated[int | None, typer.Option(help="Train on to this step; by default the window's end.")] = None,
    replicate: Annotated[
        int, typer.Option(help="0: rows in their order; K: shuffled, the same in every arm.")
    ] = 0,
    every: Annotated[int, typer.Option(help="Steps between two looks at all heads.")] = 50,
    as_json: Json = False,
) -> None:
    """Retrain one arm from a stored checkpoint with chosen rows removed or duplicated."""
    from mda.workflows.registry import checked
    from mda.workflows.retrain import RetrainRequest

    request = checked(
        RetrainRequest,
        {
            "study": study,
            "from_step": from_step,
            "to_step": to_step,
            "until": until,
            "action": action,
            "select": select,
            "fraction": fraction,
            "attribution": attribution,
            "rows": None if rows is None else parse_rows(rows),
            "replicate": replicate,
            "every": every,
        },
    )
    _run("retrain", request, study, as_json, "Retrain {id}\n{metrics}")


COMMANDS = (demo, heads, attribute, retrain)


def _run(command: str, request: Any, study: str, as_json: bool, told: str) -> None:
    from mda.cli.run import print_json, run

    result = run(command, request, study)
    if as_json:
        print_json(result)
    else:
        reliability = result.get("reliability")
        print(told.format(**result, reliable=reliability_line(reliability) if reliability else ""))


def reliability_line(reliability: dict[str, Any]) -> str:
    """The two rank agreements that every attribution stores, in words."""
    halves, seeds = (
        "undefined" if reliability[key] is None else f"{reliability[key]:.2f}"
        for key in ("probe_halves", "label_seeds")
    )
    return (
        f"Reliability (Spearman on {reliability['rows']} rows): {halves} between the probe's halves, {seeds} "
        "between two fits of the curvature."
    )
