"""`mda export`: a finding as one HTML file that opens anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mda.cli.work import Json, StudyName
from mda.errors import UserError


def export(
    study: StudyName,
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write, such as finding.html.")],
    attribution: Annotated[
        str | None, typer.Option(help="Id of the attribution that the finding is about; by default the newest.")
    ] = None,
    retrain: Annotated[
        list[str] | None,
        typer.Option(help="Id of a retrain, repeatable; by default all whose rows that attribution chose."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Export a finding: figures, rows, settings, commands and data in one HTML file that needs no network."""
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise UserError(f"{output} cannot be a file here; name one in a folder that exists, such as finding.html.")
    if output.exists() and not force:
        raise UserError(f"{output} is there already; choose another name, or write over it with --force.")
    from mda.cli.run import print_json
    from mda.ui.export.gather import gather_by_id
    from mda.ui.export.page import finding_html
    from mda.ui.export.sentences import headline

    finding = gather_by_id(study, attribution, retrain)
    content = finding_html(finding).encode()
    beside = output.with_name(f".{output.name}.tmp")  # so that a full disk costs nobody the old file
    try:
        beside.write_bytes(content)
        beside.replace(output)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UserError(f"{output} cannot be written ({error.strerror}); choose another place.") from None
    told = {
        "file": str(output),
        "bytes": len(content),
        "finding": headline(finding),
        "attribution": finding.attribution.id,
        "retrains": [one.id for one in finding.retrains],
    }
    print_json(told) if as_json else print(f"{told['finding']}\n{output} ({len(content) / 1e6:.1f} MB)")


COMMANDS = (export,)
