"""`mda study add | revisions | download | check-order | list | show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mda.cli.work import Json, StudyName

app = typer.Typer(no_args_is_help=True, help="Studies: a model lineage and its training rows.")


@app.command()
def add(
    name: StudyName,
    checkpoints: Annotated[
        str | None,
        typer.Option(
            help="Folder of step0/ step100/ …, one model folder, or OWNER/REPO on the hub; not needed where the "
            "study's name is that of a Pythia."
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            help="Rows: .npy, .parquet or .jsonl of ids in training order, text, or OWNER/DATASET on the hub; "
            "those that a Pythia was trained on by default."
        ),
    ] = None,
    column: Annotated[str | None, typer.Option(help="Column of a data set that holds the text.")] = None,
    config: Annotated[str | None, typer.Option(help="Config of a data set that has several.")] = None,
    split: Annotated[str | None, typer.Option(help="Split of a data set; train by default.")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Folder of the tokenizer; needed for text where the repository has none.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows a step (1024, as Pythia's, by default).")] = None,
    keep: Annotated[
        int | None, typer.Option(help="Downloaded checkpoints that stay on disk; 0 (the default): all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a study: `mda study add pythia-70m`, or from checkpoints and rows of your own (GPT-NeoX only)."""
    from mda.errors import UserError
    from mda.hub import pythia
    from mda.studies.add import add_study
    from mda.studies.hub import add_hub_study, nearest_names, repository_of
    from mda.studies.row_sources import RowsAsked

    asked = RowsAsked(rows, column, config, split)
    known = pythia.describe(name) if checkpoints is None else None
    repo = known.repo if known else repository_of(checkpoints) if checkpoints else None
    if repo is not None:
        study = add_hub_study(name, repo, asked, tokenizer, batch_size, keep)
    elif checkpoints is None:
        raise UserError(
            f"'{name}' is not the name of a Pythia{nearest_names(name)}; say with --checkpoints where the study's "
            "checkpoints are."
        )
    elif "/" not in checkpoints and not Path(checkpoints).exists():
        raise UserError(
            f"'{checkpoints}' is neither a folder here nor the name of a Pythia{nearest_names(checkpoints)}."
        )
    elif rows is None:
        raise UserError("Say with --rows which rows the study is about: .npy, .parquet or .jsonl.")
    elif keep is not None:
        raise UserError("--keep is about downloaded checkpoints, and these are on this machine; leave it out.")
    else:
        study = add_study(name, Path(checkpoints), asked, tokenizer, batch_size)
    _tell(describe(study.name), as_json)


@app.command()
def revisions(
    repo: Annotated[str, typer.Argument(help="OWNER/REPO on the hub, or the name of a Pythia.")],
    as_json: Json = False,
) -> None:
    """List the checkpoints of a repository on the hub, their sizes, and which are on this machine."""
    from mda.cli.run import print_json
    from mda.studies.hub import list_checkpoints, repository_of

    repo = repository_of(repo) or repo
    found = list_checkpoints(repo)
    if as_json:
        print_json({"repo": repo, "checkpoints": found})
        return
    for one in found:
        size = "size unknown" if one["bytes"] is None else f"{one['bytes'] / 1e6:,.1f} MB"
        told = "no weights" if one["bytes"] == 0 else size
        print(f"step {one['step']:>6}  {told:>14}{'  here' if one['here'] else ''}")


@app.command()
def download(
    study: StudyName,
    steps: Annotated[
        str, typer.Option(help="Checkpoints: all, log20 (20 spread over training), around:1000, or 0,1,2,512.")
    ] = "all",
    keep: Annotated[
        int | None, typer.Option(help="Downloaded checkpoints that stay on disk from now on; 0: all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring checkpoints of a study to this machine; one that was cut is resumed."""
    import sys

    from mda.cli.run import print_json, run
    from mda.studies.hub import keep_checkpoints
    from mda.studies.step_presets import choose_steps
    from mda.studies.study import Study
    from mda.workflows.download import DownloadRequest, plan
    from mda.workflows.registry import checked

    opened = Study.open(study)
    chosen = choose_steps(steps, opened.steps)
    request = checked(DownloadRequest, {"study": study, "steps": chosen})
    if keep is not None:
        keep_checkpoints(opened, keep)
    print(plan(opened, chosen).sentence, file=sys.stderr, flush=True)  # before anything large comes
    result = run("download", request, study)
    if as_json:
        print_json(result)
        return
    for reason in result["skipped"].values():
        print(reason)
    print(f"{len(result['downloaded'])} checkpoints came.")


@app.command("check-order")
def check_order(
    study: StudyName,
    step: Annotated[
        int | None, typer.Option(help="Measure losses at this checkpoint; by default only where ids do not tell.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at the data: was the model trained on the study's rows, or on Pythia's other order?"""
    from mda.cli.run import print_json, run
    from mda.workflows.order_check import OrderCheckRequest
    from mda.workflows.registry import checked

    request = checked(OrderCheckRequest, {"study": study, "step": step})
    result = run("check-order", request, study)
    print_json(result) if as_json else print(result["words"])


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the studies in the cache."""
    from mda.cli.run import print_json
    from mda.studies.study import list_studies

    names = list_studies()
    if as_json:
        print_json({"studies": names})
    else:
        print("\n".join(names) or "No study yet; make one with `mda demo` or `mda study add`.")


@app.command()
def show(name: StudyName, as_json: Json = False) -> None:
    """Show a study: its checkpoints, rows, attributions and retrains."""
    _tell(describe(name), as_json)


def describe(name: str) -> dict[str, Any]:
    """What there is of a study, as a JSON-able dictionary."""
    from mda.studies.attributions import list_attributions
    from mda.studies.hub import order_note
    from mda.studies.retrains import list_retrains
    from mda.studies.study import Study

    study = Study.open(name)
    facts, source = study.facts, study.source
    seen_by = [step for step in study.steps if facts.in_order and step * facts.batch_size > facts.held_out[0]]
    return {
        "study": name,
        "hub": facts.hub.repo if facts.hub else None,
        "steps": study.steps,
        "steps_here": [step for step in study.steps if source.here(step)],
        "layers": study.sizes.layers,
        "heads_per_layer": study.sizes.heads,
        "rows": facts.rows,
        "seq_len": facts.seq_len,
        "batch_size": facts.batch_size,
        "rows_from": facts.preshuffled.repo if facts.preshuffled else "the study itself",
        "in_order": facts.in_order,
        "order_note": order_note(study),
        "held_out": list(facts.held_out),
        "held_out_seen_by": seen_by,  # checkpoints, where a study has no rows that training left out
        "kinds": study.kinds,
        "tokenizer": study.tokenizer is not None,
        "recipe": facts.recipe.model_dump(),
        "attributions": [{"id": one.id, "about": one.title} for one in list_attributions(name)],
        "retrains": [{"id": one.id, "arm": one.label, "replicate": one.replicate} for one in list_retrains(name)],
    }


def _tell(found: dict[str, Any], as_json: bool) -> None:
    from mda.cli.run import print_json

    if as_json:
        print_json(found)
        return
    for key, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            print(f"{key}:")
            for entry in value:
                print("  " + "  ".join(str(part) for part in entry.values()))
        else:
            print(f"{key}: {value}")
