"""The commands that compute: demo, heads, attribute, retrain."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from mda.cli.parse import parse_range, parse_rows
from mda.studies.step_presets import choose_steps, parse_steps

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


def local_text(
    minutes: Annotated[float, typer.Option(help="In all since it was begun; ask for more and it goes on.")] = 20,
    seed: Annotated[int, typer.Option(help="Initial weights; K makes `local-text-seedK`.")] = 0,
    as_json: Json = False,
) -> None:
    """Train a small model on text found among Python's own files on this machine; needs no network."""
    from mda.workflows.local_text import LocalTextRequest
    from mda.workflows.registry import checked

    request = checked(LocalTextRequest, {"minutes": minutes, "seed": seed})
    _run("local-text", request, request.study, as_json, "{told}")


def heads(
    study: StudyName,
    steps: Annotated[
        str, typer.Option(help="Checkpoints: all, log20 (20 spread over training), around:1000, or 0,1,2,512.")
    ] = "all",
    preset: Annotated[
        str,
        typer.Option(help="Sequences: varied periods, or olsson (25 tokens x 4) or transformer-lens (50 x 2)."),
    ] = "varied",
    as_json: Json = False,
) -> None:
    """Score all heads at checkpoints: two tables, filled step by step."""
    from mda.studies.study import Study
    from mda.workflows.head_scores import HeadsRequest, downloads_first
    from mda.workflows.registry import checked

    chosen = None if steps == "all" else choose_steps(steps, Study.open(study).steps)
    request = checked(HeadsRequest, {"study": study, "steps": chosen, "preset": preset})
    if first := downloads_first(request):
        print(first, file=sys.stderr, flush=True)
    _run("heads", request, study, as_json, "Head scores: {head_scores}{skips}{notes}")


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
    sample: Annotated[int | None, typer.Option(help="So many of these rows at random.")] = None,
    rows_per_step: Annotated[int | None, typer.Option(help="Of these rows the first few of each step.")] = None,
    fit_rows: Annotated[int, typer.Option(help="Random rows that the curvature is fitted on.")] = 2048,
    curvature: Annotated[str, typer.Option(help="ekfac, kfac, diagonal, identity or exact.")] = "ekfac",
    seed: Annotated[int, typer.Option(help="Seed of probe sequences, fit rows and sampled labels.")] = 0,
    probe_sequences: Annotated[int, typer.Option(help="Sequences of the probe.")] = 512,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto: the best there is.")] = "auto",
    dtype: Annotated[
        str, typer.Option(help="float32, or bfloat16 for scoring rows; how far the two agree is measured.")
    ] = "float32",
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Only say how long it will take, measured on a few rows.")
    ] = False,
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
            "sample": sample,
            "per_step": rows_per_step,
            "fit_rows": fit_rows,
            "curvature": curvature,
            "seed": seed,
            "probe_sequences": probe_sequences,
            "device": device,
            "dtype": dtype,
        },
    )
    if estimate:
        from mda.cli.run import print_json
        from mda.workflows.estimate import estimate_attribution

        expected = estimate_attribution(request)
        print_json(expected.model_dump()) if as_json else print(expected.text)
        return
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
    rows_per_step: Annotated[
        int | None, typer.Option(help="Train on the first so many rows of each step; all by default.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Another learning rate than the study's (of its schedule, the peak).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Retrain one arm from a stored checkpoint with chosen rows removed or duplicated."""
    from mda.workflows.registry import checked
    from mda.workflows.retrain_task import RetrainRequest

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
            "rows_per_step": rows_per_step,
            "learning_rate": learning_rate,
        },
    )
    _run("retrain", request, study, as_json, "Retrain {id}\n{metrics}{notes}")


COMMANDS = (demo, local_text, heads, attribute, retrain)


def _run(command: str, request: Any, study: str, as_json: bool, told: str) -> None:
    from mda.cli.run import print_json, run

    result = run(command, request, study)
    if as_json:
        print_json(result)
    else:
        reliability = result.get("reliability")
        skips = "".join(f"\n{reason}" for reason in result.get("skipped", {}).values())
        notes = "".join(f"\n{sentence}" for sentence in result.get("caveats", ()))
        reliable = reliability_line(reliability) if reliability else ""
        print(told.format(**result, reliable=reliable, skips=skips, notes=notes))


def reliability_line(reliability: dict[str, Any]) -> str:
    """The rank agreements that an attribution stores, in words."""

    def agreement(key: str) -> str:
        return "undefined" if reliability[key] is None else f"{reliability[key]:.2f}"

    formats = f", {agreement('bfloat16')} between bfloat16 and float32" if "bfloat16" in reliability else ""
    return (
        f"Reliability (Spearman on {reliability['rows']} rows): {agreement('probe_halves')} between the probe's "
        f"halves, {agreement('label_seeds')} between two fits of the curvature{formats}."
    )
