"""`mda study add | list | show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mda.cli.work import Json, StudyName

app = typer.Typer(no_args_is_help=True, help="Studies: a model lineage and its training rows.")


@app.command()
def add(
    name: StudyName,
    checkpoints: Annotated[Path, typer.Option(help="Folder of step0/ step100/ …, or one model folder.")],
    rows: Annotated[Path, typer.Option(help="Training rows in order: .npy, .parquet or .jsonl.")],
    tokenizer: Annotated[Path | None, typer.Option(help="Folder of the tokenizer; needed for text.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows a step (1024, as Pythia's, by default).")] = None,
    as_json: Json = False,
) -> None:
    """Add a study from checkpoints and rows on disk (GPT-NeoX only)."""
    from mda.studies.add import add_study

    study = add_study(name, checkpoints, rows, tokenizer, batch_size)
    _tell(describe(study.name), as_json)


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
    from mda.studies.retrains import list_retrains
    from mda.studies.study import Study

    study = Study.open(name)
    facts = study.facts
    return {
        "study": name,
        "steps": study.steps,
        "layers": study.sizes.layers,
        "heads_per_layer": study.sizes.heads,
        "rows": facts.rows,
        "seq_len": facts.seq_len,
        "batch_size": facts.batch_size,
        "held_out": list(facts.held_out),
        "kinds": facts.kinds,
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
