"""Adding a study whose checkpoints are revisions of a repository on the hub."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mda.checkpoints.folder import read_config
from mda.checkpoints.hub import ASKED_AT_ONCE, HubCheckpoints, weight_bytes
from mda.errors import UserError
from mda.hub import client, names, pythia
from mda.hub.preshuffled import other_order
from mda.store.artefact import building
from mda.store.atomic import disk_errors
from mda.store.paths import refuse_if_read_only, study_folder
from mda.studies.add import (
    ADDED_RECIPE,
    check_batch_size,
    read_tokenizer,
    shared_facts,
    tokenizer_digest,
    training_rows,
    write_parts,
)
from mda.studies.order import list_order_checks, order_warning
from mda.studies.row_sources import RowsAsked, find_rows
from mda.studies.study import KIND, WEIGHTS_FOLDER, HubModel, Study, StudyFacts, list_studies
from mda.training.recipe import Recipe

DEFAULT_ROWS = RowsAsked()


def add_hub_study(
    name: str,
    repo: str,
    rows: RowsAsked = DEFAULT_ROWS,
    tokenizer: Path | None = None,
    batch_size: int | None = None,
    keep: int | None = None,
) -> Study:
    """Add the model `owner/name` of the hub: resolve its revisions to commits and check what fits before anything
    large is downloaded, which checkpoints and rows are later, one by one.

    rows: by default those that a Pythia was trained on. tokenizer: a folder, instead of the repository's own.
    keep: how many checkpoints stay on disk (None: as before, 0: all). Raises UserError (`HubError` for the hub)
    for anything that does not fit together; then nothing is kept.
    """
    folder = study_folder(name)
    refuse_if_read_only()
    _check_keep(keep)
    model = pythia.describe(repo)
    size = _batch_size(model, check_batch_size(batch_size))
    commits, tip = revisions(repo)
    with TemporaryDirectory() as temporary:
        small = Path(temporary)
        _small_files(repo, tip, small)
        config = read_config(small)
        own = small if (small / names.TOKENIZER_FILES[0]).exists() else None
        chosen = tokenizer or own
        reader = read_tokenizer(chosen, config, None if tokenizer else repo) if chosen else None
        found = find_rows(rows, model, config, reader)
        in_order = found.in_order and max(commits) > 0  # without steps nothing says when a row was seen
        trained, held_out = _seen(found.count, max(commits) * size if in_order else None, found.length - 1)
        published = pythia.published(repo)
        facts = StudyFacts.model_validate(
            {
                **shared_facts(found, config, reader),
                "batch_size": size,
                "trained": trained,
                "held_out": held_out,
                "checkpoints": repo,
                "recipe": Recipe.model_validate(published or {"batch_size": size, **ADDED_RECIPE}),
                "hub": HubModel(repo=repo, commits=commits),
                "in_order": in_order,
            }
        )
        source = HubCheckpoints(repo, commits, folder / "study", folder / WEIGHTS_FOLDER)
        spec = {
            "origin": "hub",
            **found.origin,
            "tokenizer": tokenizer_digest(reader),
            "batch_size": size,
            "weights": {str(step): source.digest(step) for step in source.steps},
        }
        with building(folder / "study", KIND, spec) as work:
            if not work.ready:
                write_parts(work.folder, found, reader)
                with disk_errors():
                    shutil.copyfile(small / names.CONFIG, work.folder / names.CONFIG)
                work.finish(facts.model_dump())
    if keep is not None:
        source.kept.set_keep(keep or None)
    return Study.open(name)


def keep_checkpoints(study: Study, keep: int) -> None:
    """Keep so many of a study's downloaded checkpoints from now on (0: all). Raises UserError where none are
    downloaded, or `keep` is negative."""
    _check_keep(keep)
    refuse_if_read_only()
    if not isinstance(study.source, HubCheckpoints):
        raise UserError("--keep is about downloaded checkpoints, and these are on this machine; leave it out.")
    study.source.kept.set_keep(keep or None)


def _check_keep(keep: int | None) -> None:
    if keep is not None and keep < 0:
        raise UserError(f"--keep {keep} is no number of checkpoints; give 1 or more, or 0 for all.")


def nearest_names(name: str) -> str:
    """`; the nearest are a, b`, models of Pythia with names like this one; empty where none is like it."""
    known, owner = pythia.known_models(), "" if "/" in name else f"{names.PYTHIA_OWNER}/"
    near = [] if owner + name in known else client.similar(owner + name, known)
    return f"; the nearest are {', '.join(one.removeprefix(owner) for one in near)}" if near else ""


def repository_of(text: str) -> str | None:
    """The repository that `OWNER/NAME` or a Pythia's name alone means; None where it is a path or a wrong name."""
    if Path(text).expanduser().exists():
        return None
    if (model := pythia.describe(text)) is not None:
        return model.repo
    return text if re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", text, re.ASCII) else None


def revisions(repo: str) -> tuple[dict[int, str], str]:
    """Commits of a repository's `stepN` revisions by step, and the commit of `main` or else of the last step.

    A repository without such revisions is a study of one checkpoint, which stands at step 0, as a model folder
    does. Raises `HubError` where there is none of that name, with the nearest names there are.
    """
    try:
        found = client.revisions(repo)
    except client.NotThere as error:
        raise client.NotThere(f"{str(error).rstrip('.')}{nearest_names(repo)}.") from None
    commits = {int(step[1]): sha for name, sha in found.items() if (step := re.fullmatch(r"step(\d{1,9})", name))}
    main = found.get("main")
    if not commits and main is not None:
        commits = {0: main}
    if not commits:
        raise UserError(f"{repo} has neither revisions named step0, step1000, … nor main; choose another.")
    return dict(sorted(commits.items())), main or commits[max(commits)]


def order_note(study: Study) -> str | None:
    """What to say of the order of a study's rows: that the data speak against it, or that sources disagree and
    nobody has looked at the data yet; None where there is nothing to say."""
    if (warning := order_warning(study)) is not None:
        return warning
    hub, rows = study.facts.hub, study.facts.preshuffled
    model = pythia.describe(hub.repo) if hub is not None else None
    told = any(check.verdict != "unknown" for check in list_order_checks(study))
    if model is None or not model.order_in_doubt or rows is None or told:
        return None
    return (
        f"Sources disagree on whether {model.repo} was trained on {rows.repo} or on {other_order(rows.repo)}: "
        f"`mda study check-order {study.name}` looks at the data."
    )


def list_checkpoints(repo: str) -> list[dict[str, Any]]:
    """The checkpoints that a repository has now: step, commit, bytes (0: no weights, None: not told), and whether
    it is on this machine in some study. Raises as `revisions`."""
    commits, _ = revisions(repo)
    here: set[str] = set()
    for name in list_studies():
        with suppress(UserError):  # a study that is broken is nobody's concern here
            study = Study.open(name)
            if study.facts.hub is not None and study.facts.hub.repo == repo:
                here |= {study.source.digest(step) for step in study.steps if study.source.here(step)}
    with ThreadPoolExecutor(ASKED_AT_ONCE) as several:
        sizes = list(several.map(lambda commit: weight_bytes(repo, commit), commits.values()))
    return [
        {"step": step, "commit": commit, "bytes": size, "here": f"{repo}@{commit}" in here}
        for (step, commit), size in zip(commits.items(), sizes, strict=True)
    ]


def _batch_size(model: pythia.PythiaModel | None, given: int | None) -> int:
    if model is not None and given not in (None, pythia.BATCH_SIZE):
        raise UserError(
            f"{model.repo} was trained on {pythia.BATCH_SIZE} rows a step, which --batch-size {given} cannot "
            "change; leave it out."
        )
    return given or pythia.BATCH_SIZE


def _small_files(repo: str, commit: str, folder: Path) -> None:
    """Bring config.json and what there is of a tokenizer."""
    there = client.files(repo, "model", commit)
    if names.CONFIG not in there:
        raise UserError(f"{repo} has no {names.CONFIG}, so it is not a model that can be studied; choose another.")
    for name in (names.CONFIG, *names.TOKENIZER_FILES):
        if name in there:
            client.download(repo, "model", commit, name, folder)


def _seen(count: int, seen: int | None, seq_len: int) -> tuple[int, tuple[int, int]]:
    """As `training_rows`; where training went through all rows, the last ones stand in for held-out ones.

    Checkpoints before their step have not seen them (of Pythia all but the last), later ones have. Text of the
    deduplicated Pile comes back after about two thirds of training, so that from there on checkpoints may know the
    text of rows that they have not seen.
    """
    trained, held_out = training_rows(count, seen, seq_len)
    return trained, held_out if held_out[0] < held_out[1] else training_rows(count, None, seq_len)[1]
