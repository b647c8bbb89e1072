"""Whole files: downloaded beside their place, resumed where they were cut, checked, and only then put there."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mda.hub import names
from mda.hub.cached import from_cache
from mda.hub.errors import Changed, HubError, Offline
from mda.hub.promises import agree, digest_matches, promised
from mda.hub.refusals import About, Again
from mda.hub.requests import Facts, insist, request
from mda.store.atomic import disk_errors, replacing, sync_file, sync_folder
from mda.store.locks import held

MARGIN_BYTES = 200 * 2**20  # of the disk that a download leaves free

_STEP_BYTES = 2**18  # between two calls of `advance`


def download(
    repo: str,
    kind: names.Kind,
    sha: str,
    name: str,
    folder: Path,
    advance: Callable[[int], None] = lambda arrived: None,
) -> Path:
    """`folder/name`, whole and checked: length, commit, and the sha256 or git sha1 that the hub gives.

    `folder` belongs to one commit of one repository: a file that is there is taken as it is. One in the user's
    Hugging Face cache is copied from there if its checksum holds. A download that ends early stays as
    `.incomplete-…` beside the file's place, and the next call resumes it; one that is wrong is deleted.
    `advance(bytes)` is called as bytes arrive, adding up to the size; what it raises ends the download, which can
    be resumed.

    Raises `Changed`, `NotThere`, `Offline`, `HubError`, and `UserError` for a full or read-only disk.
    """
    path, about = names.file_path(repo, kind, sha, name), About(repo, kind, sha, name)
    target = folder / name
    if _taken(target, advance):
        return target
    with disk_errors():
        target.parent.mkdir(parents=True, exist_ok=True)
    lock = target.with_name(f".incomplete-{target.name}.lock")
    with held(lock, lambda: advance(0)):
        if not _taken(target, advance):  # another process may just have got it
            if cached := from_cache(repo, kind, sha, name):
                _check_room(folder, cached.stat().st_size, about)
                with replacing(target) as beside:
                    shutil.copyfile(cached, beside)
                advance(target.stat().st_size)
            else:
                _fetch(path, sha, about, target, advance)
        lock.unlink(missing_ok=True)  # the file is in its place: whoever waits, or comes later, finds it there
    return target


def _fetch(path: str, sha: str, about: About, target: Path, advance: Callable[[int], None]) -> None:
    facts = promised(path, sha, about)
    fetch = _Fetch(path, sha, about, facts, _partial(target, facts), advance)
    if facts.size is not None:
        _check_room(target.parent, facts.size - fetch.got, about)
    insist(fetch.attempt)
    fetch.check()
    with disk_errors():
        sync_file(fetch.partial)
        os.replace(fetch.partial, target)
        sync_folder(target.parent)


@dataclass
class _Fetch:
    """One file on its way: what is there of it lies in `partial`."""

    path: str
    sha: str
    about: About
    facts: Facts
    partial: Path
    advance: Callable[[int], None]
    told: int = 0  # bytes that `advance` has heard of

    @property
    def got(self) -> int:
        """Bytes that lie in `partial`."""
        return self.partial.stat().st_size if self.partial.exists() else 0

    def attempt(self) -> None:
        """Get what lacks. Raises `Again` where the way broke off, `Changed` where something else came."""
        start = self.got
        self._tell(start)
        if start and start == self.facts.size:
            return
        try:
            self._receive(start)
        except Again as again:
            again.moved = self.got > start
            raise
        except Offline as error:
            if self.got == 0:
                raise
            raise Again(error, moved=self.got > start) from error

    def _receive(self, start: int) -> None:
        size = self.facts.size
        wanted = f"bytes={start}-" if start else None
        with request("GET", self.path, self.about, wanted) as (response, facts):
            agree(facts, self.path, self.sha, self.about)
            if response.status_code == 206:
                told = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
                if told is None or int(told[1]) != start:
                    raise Changed(f"The hub sends another part of {self.about} than was asked for: try again.")
            else:
                start = 0  # the whole file, whatever was asked for
            packed = "Content-Encoding" in response.headers  # then the length is that of the packed bytes
            announced = None if packed else response.headers.get("Content-Length")
            if size is not None and announced not in (None, str(size - start)):
                self.partial.unlink(missing_ok=True)
                raise Changed(
                    f"The hub sends {announced} bytes of {self.about} where {size - start} were promised: "
                    "try again."
                )
            with disk_errors(), open(self.partial, "ab" if start else "wb") as file:
                for piece in response.iter_bytes():  # as they come: what is collected first is lost in a cut
                    file.write(piece)
                    start += len(piece)
                    if size is not None and start > size:
                        break
                    if start - self.told >= _STEP_BYTES:
                        self._tell(start)
            self._tell(start)
        if size is not None and start < size:
            raise Again(HubError(f"The hub ends {self.about} after {start} of {size} bytes: try again."))

    def check(self) -> None:
        """Delete the file and raise `Changed` where it is not what the hub promised."""
        matches = digest_matches(self.partial, self.facts.etag)
        if matches is None and self.facts.size is None:
            self.partial.unlink()
            raise HubError(f"The hub tells neither size nor checksum of {self.about}: check HF_ENDPOINT.")
        if matches is False or self.facts.size not in (None, self.got):
            self.partial.unlink()
            raise Changed(f"{self.about} arrived damaged (not what the hub promised) and was deleted: try again.")

    def _tell(self, position: int) -> None:
        """Tell of bytes that were not told of before: a download that begins anew counts once."""
        if position > self.told:
            self.told, arrived = position, position - self.told
            self.advance(arrived)


def _taken(target: Path, advance: Callable[[int], None]) -> bool:
    """Whether the file is there already; its bytes count as arrived."""
    if not target.is_file():
        return False
    advance(target.stat().st_size)
    return True


def _partial(target: Path, facts: Facts) -> Path:
    """Where the file lies while it is not whole; what is there and cannot be its beginning is deleted."""
    stem = f".incomplete-{target.name}-"
    mine = target.with_name(f"{stem}{re.sub(r'[^0-9A-Za-z]', '', facts.etag or '')[:20]}.part")
    for part in target.parent.iterdir():
        if not re.fullmatch(rf"{re.escape(stem)}[0-9A-Za-z]*\.part", part.name):
            continue
        if part != mine or facts.etag is None or facts.size is None or part.stat().st_size > facts.size:
            part.unlink()
    return mine


def _check_room(folder: Path, size: int, about: About) -> None:
    """Raise `HubError` where the disk of `folder` has no room for so many bytes and a margin."""
    free = shutil.disk_usage(folder).free
    if size + MARGIN_BYTES > free:
        raise HubError(
            f"The disk of {folder} is nearly full: {about} needs {size / 1e9:.2f} GB, "
            f"{MARGIN_BYTES / 1e9:.2f} GB are kept free, and {free / 1e9:.2f} GB are left: free some space first."
        )
