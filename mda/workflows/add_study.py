"""Adding a study from the hub as a job: what `mda study add` does, for names alone and never for paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mda.errors import UserError
from mda.hub import names
from mda.progress import Progress
from mda.store.paths import check_name
from mda.studies.hub import add_hub_study
from mda.studies.row_sources import TABLES, RowsAsked


class AddStudyRequest(BaseModel):
    """A study of the model `repo` of the hub. Its rows: those that a Pythia was trained on, or the text in a
    column of `dataset` on the hub. keep: downloaded checkpoints that stay on disk, 0 for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    repo: str
    dataset: str | None = None
    column: str | None = Field(default=None, max_length=200)
    keep: int = Field(default=0, ge=0)


def check_request(request: AddStudyRequest) -> None:
    """Raises UserError for a name that is none, or that could be a path on this machine."""
    check_name(request.study)
    names.check_repo(request.repo)
    if request.dataset is not None:
        names.check_repo(request.dataset)
        if request.dataset.endswith(TABLES) or Path(request.dataset).exists():
            raise UserError(
                f"'{request.dataset}' names a file or folder where the explorer runs; give a data set of the hub, "
                "or add rows of this machine with `mda study add`."
            )


def add_from_hub(request: AddStudyRequest, progress: Progress) -> dict[str, Any]:
    """Add the study. Returns its name, repository, and how many checkpoints and rows it has. Raises UserError as
    `check_request` and `add_hub_study`; then nothing is kept."""
    check_request(request)
    progress.stage("looking at the repository", 1)
    rows = RowsAsked(request.dataset, request.column)
    study = add_hub_study(request.study, request.repo, rows, keep=request.keep or None)
    progress.advance()
    return {
        "study": study.name,
        "repo": request.repo,
        "checkpoints": len(study.steps),
        "rows": study.facts.rows,
        "in_order": study.facts.in_order,
    }
