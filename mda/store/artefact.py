"""One artefact is one folder: a manifest and the files that it vouches for.

`building` makes one: work goes on in `<folder>.partial`, under a lock, and takes its final name only when
whole, so a folder with the final name is never half-written. An interrupted build keeps its partial folder
and resumes from it. The manifest holds the whole specification; asking for the same folder with another one
is an error, never silent reuse.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from mda.errors import UserError
from mda.store.atomic import disk_errors, sync_file, sync_folder, write_json
from mda.store.hardware import code_version, hardware
from mda.store.identity import canonical, identity
from mda.store.paths import refuse_if_read_only

SCHEMA = 1
MANIFEST = "manifest.json"
_SPEC = "spec.json"


class Manifest(BaseModel):
    """What an artefact is, how it was made, and its small results."""

    model_config = ConfigDict(populate_by_name=True, frozen=True)

    version: int = Field(default=SCHEMA, alias="schema")
    kind: str
    spec: dict[str, Any]
    identity: str
    code_version: str
    created: AwareDatetime
    seconds: float = Field(description="wall time of building it, over all attempts that ended by themselves")
    hardware: dict[str, str | int]
    result: dict[str, Any]


class Workspace:
    """An artefact being built, or (`ready`) one that was there already."""

    def __init__(self, final: Path, kind: str, spec: dict[str, Any], manifest: Manifest | None) -> None:
        self.final = final
        self.kind = kind
        self.spec = spec
        self.manifest = manifest
        self._begun = time.monotonic()
        self._seconds_before = 0.0

    @property
    def ready(self) -> bool:
        """Whether the artefact is whole, so that nothing is left to do."""
        return self.manifest is not None

    @property
    def folder(self) -> Path:
        """Where to write while building; where to read once it is ready."""
        return self.final if self.ready else self.final.with_name(f"{self.final.name}.partial")

    def finish(self, result: dict[str, Any]) -> Manifest:
        """Write the manifest as the last file and give the folder its final name; returns the manifest."""
        if self.ready:
            raise RuntimeError(f"{self.final} is finished already")
        manifest = Manifest(
            kind=self.kind,
            spec=self.spec,
            identity=identity(self.spec),
            code_version=code_version(),
            created=datetime.now(UTC),
            seconds=round(self._seconds(), 3),
            hardware=hardware(),
            result=result,
        )
        with disk_errors():
            # files that other libraries wrote may still be in memory only, and the manifest vouches for all
            for path in self.folder.rglob("*"):
                if path.is_dir():
                    sync_folder(path)
                else:
                    sync_file(path)
            write_json(self.folder / MANIFEST, manifest.model_dump(by_alias=True))
            self.folder.rename(self.final)
            sync_folder(self.final.parent)
            (self.final / _SPEC).unlink(missing_ok=True)  # the manifest holds it
        self.manifest = _read(self.final)  # as every later reader will see it
        return self.manifest

    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._begun

    def _enter_partial(self) -> None:
        """Go on in the partial folder if it belongs to this specification, else begin a new one."""
        try:
            found = json.loads((self.folder / _SPEC).read_bytes())
            if found["kind"] == self.kind and found["identity"] == identity(self.spec):
                self._seconds_before = float(found["seconds"])
                return
        except (OSError, ValueError, TypeError, KeyError):
            pass  # none there, or killed before it could be told whose it was
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)
        self._note_spec()

    def _note_spec(self) -> None:
        note = {"kind": self.kind, "identity": identity(self.spec), "spec": self.spec}
        write_json(self.folder / _SPEC, {**note, "seconds": self._seconds()})


@contextmanager
def building(final: Path, kind: str, spec: Mapping[str, Any]) -> Iterator[Workspace]:
    """Build the artefact `final`, or find it ready.

    with building(folder, "scores", spec) as work:
        if not work.ready:
            ...  # write into work.folder; look there first for what an interrupted attempt left
            work.finish({"rows": 1000})

    Raises `UserError` if another process is building it, if the folder holds an artefact of another kind or
    specification (naming what differs), if it is broken, or if the disk fills up. After any exception
    the partial folder stays, and the next attempt with the same specification resumes in it. Two names in
    the folder are taken: manifest.json and spec.json.
    """
    plain: dict[str, Any] = json.loads(canonical(spec))  # what is compared and stored is what was hashed
    manifest = _find(final, kind, plain)
    if manifest is not None:  # reading needs no lock, so two readers of a ready artefact never collide
        yield Workspace(final, kind, plain, manifest)
        return
    refuse_if_read_only()
    with disk_errors(), _locked(final):
        work = Workspace(final, kind, plain, _find(final, kind, plain))
        if not work.ready:
            work._enter_partial()
        try:
            yield work
        finally:
            if not work.ready:
                with suppress(OSError, UserError):  # must not hide what went wrong
                    work._note_spec()


@contextmanager
def _locked(final: Path) -> Iterator[None]:
    final.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(final.with_name(f"{final.name}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise UserError(
            f"{final} is being built by another process; wait for it, or see `mda jobs list`"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _find(final: Path, kind: str, spec: dict[str, Any]) -> Manifest | None:
    """The manifest of a whole artefact of this kind and specification; None where there is no folder."""
    if not final.exists():
        return None
    manifest = open_artefact(final, kind)
    if manifest.identity != identity(spec):
        raise UserError(
            f"{final} was made with another specification: {'; '.join(_differences(manifest.spec, spec))}; "
            "choose another name, or delete that folder to build it anew"
        )
    return manifest


def _differences(there: Any, asked: Any, where: str = "") -> list[str]:
    """The entries in which two specifications differ, as 'a.b is 1 there and 2 is asked'."""
    if isinstance(there, dict) and isinstance(asked, dict):
        found = []
        for key in sorted(there.keys() | asked.keys()):
            inner = f"{where}.{key}" if where else key
            if key not in asked:
                found.append(f"{inner} is {_short(there[key])} there and not asked")
            elif key not in there:
                found.append(f"{inner} is missing there and {_short(asked[key])} is asked")
            else:
                found += _differences(there[key], asked[key], inner)
        return found
    # by text, since 1 == 1.0 == True in Python and not in a specification
    same = json.dumps(there) == json.dumps(asked)
    return [] if same else [f"{where} is {_short(there)} there and {_short(asked)} is asked"]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _read(folder: Path) -> Manifest:
    """Read and check a folder's manifest; raises `UserError` where it is not a whole artefact."""
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        manifest = Manifest.model_validate(content)
        if identity(manifest.spec) != manifest.identity:
            raise ValueError("its specification was changed")
    except (OSError, ValueError, TypeError, ValidationError) as error:
        cause = "it has no manifest" if isinstance(error, FileNotFoundError) else "its manifest is not valid"
        raise UserError(
            f"{folder} is not a whole artefact of this version ({cause}); delete that folder "
            "and run the command that makes it again"
        ) from error
    return manifest


def open_artefact(folder: Path, kind: str) -> Manifest:
    """The manifest of a whole artefact; raises `UserError` if it is missing, broken or of another kind."""
    if not folder.is_dir():
        begun = folder.with_name(f"{folder.name}.partial").exists()
        state = "is not finished" if begun else "does not exist"
        raise UserError(f"{folder} ({kind}) {state}; run the command that makes it")
    manifest = _read(folder)
    if manifest.kind != kind:
        raise UserError(f"{folder} holds '{manifest.kind}', not '{kind}'; choose another folder")
    return manifest


def list_artefacts(parent: Path, kind: str) -> list[tuple[Path, Manifest]]:
    """The whole artefacts of a kind directly in `parent`, newest first; others are passed over."""
    found = []
    for folder in parent.iterdir() if parent.is_dir() else ():
        if folder.is_dir() and folder.suffix != ".partial":
            with suppress(UserError):
                found.append((folder, open_artefact(folder, kind)))
    return sorted(found, key=lambda entry: entry[1].created, reverse=True)
