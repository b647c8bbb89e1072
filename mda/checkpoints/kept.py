"""Checkpoints kept on disk for as long as there is room for them: which are whole, which are in use, which may go.

`<root>/step1000/` is whole or absent, and its `origin.json` says what lies there and where it came from; its time
of change is that of the last use. Who uses a checkpoint shares the lock `<root>/.step1000.used` meanwhile; the
system drops it with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from mda.errors import UserError
from mda.store.atomic import disk_errors, write_json
from mda.store.paths import read_only

ORIGIN = "origin.json"
SETTINGS = "settings.json"
ABSENT = "absent.json"
HELD_AT_ONCE = 2  # the one that is worked on and the next, which comes meanwhile


class StoredFile(BaseModel):
    """A file that came from the hub: its size in bytes and, where the hub told it, its sha256."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    sha256: str | None


class Origin(BaseModel):
    """Where a kept checkpoint came from, and the sizes in bytes of the files that lie there now."""

    model_config = ConfigDict(frozen=True)

    repo: str
    commit: str
    files: list[StoredFile]
    converted: bool
    here: dict[str, int]


class Settings(BaseModel):
    """How many checkpoints of a study are kept on disk; None: all."""

    keep: int | None = None


_SENTENCES = TypeAdapter(dict[str, str])


class Kept:
    """The kept checkpoints in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._held: deque[tuple[int, int]] = deque()  # (step, descriptor of its lock)
        self._changing = threading.Lock()

    def folder(self, step: int) -> Path:
        """Where a step's checkpoint lies, or would."""
        return self.root / f"step{step}"

    def is_whole(self, step: int, commit: str) -> bool:
        """Whether the step's checkpoint is there, of this commit, with files as long as they were."""
        folder = self.folder(step)
        try:
            origin = Origin.model_validate_json((folder / ORIGIN).read_bytes())
            return origin.commit == commit and all(
                (folder / name).stat().st_size == size for name, size in origin.here.items()
            )
        except (OSError, ValidationError):
            return False

    def hold(self, step: int) -> None:
        """Count a step as in use, and the one before the last no longer; nothing where that cannot be noted."""
        with self._changing:
            for entry in [entry for entry in self._held if entry[0] == step]:
                self._held.remove(entry)
                self._held.append(entry)
                return
            with suppress(OSError):  # a cache that may not be written loses nothing either
                if not read_only():
                    self.root.mkdir(parents=True, exist_ok=True)
                lock = os.open(self._lock(step), os.O_RDONLY if read_only() else os.O_RDWR | os.O_CREAT, 0o666)
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH)
                except OSError:
                    os.close(lock)
                    raise
                self._held.append((step, lock))
            while len(self._held) > HELD_AT_ONCE:
                os.close(self._held.popleft()[1])

    def __del__(self) -> None:
        for _, lock in self._held:
            with suppress(OSError):
                os.close(lock)

    def used(self, step: int) -> None:
        """Note that a step's checkpoint is used now."""
        if not read_only():
            with suppress(OSError):
                os.utime(self.folder(step) / ORIGIN)

    def absent(self, commit: str) -> str | None:
        """The sentence noted of a commit without usable weights, None where nothing is."""
        try:
            return _SENTENCES.validate_json((self.root / ABSENT).read_bytes()).get(commit)
        except (OSError, ValidationError):
            return None

    def note_absent(self, commit: str, sentence: str) -> None:
        """Note that a commit has no usable weights, which no later look at it can change."""
        try:
            noted = _SENTENCES.validate_json((self.root / ABSENT).read_bytes())
        except (OSError, ValidationError):
            noted = {}
        write_json(self.root / ABSENT, {**noted, commit: sentence})

    @property
    def keep(self) -> int | None:
        """How many checkpoints stay on disk; None: all."""
        try:
            return Settings.model_validate_json((self.root / SETTINGS).read_bytes()).keep
        except FileNotFoundError:
            return None
        except (OSError, ValidationError):
            raise UserError(
                f"{self.root / SETTINGS} is not readable; delete it, and say again how many checkpoints to keep."
            ) from None

    def set_keep(self, keep: int | None) -> None:
        """Keep so many checkpoints from now on (None: all), and remove what is too much."""
        write_json(self.root / SETTINGS, Settings(keep=keep).model_dump())
        self.prune()

    def prune(self) -> None:
        """Remove the checkpoints that were not used for longest until as many are left as are kept; those in use
        stay, even where that makes them too many."""
        keep = self.keep
        if keep is None:
            return
        there: list[tuple[int, Path]] = []
        for origin in self.root.glob(f"step*/{ORIGIN}"):
            with suppress(FileNotFoundError):  # removed by another process meanwhile
                there.append((origin.stat().st_mtime_ns, origin.parent))
        excess = len(there) - keep
        for _, folder in sorted(there):
            if excess <= 0:
                return
            excess -= self._remove(folder)

    def _remove(self, folder: Path) -> bool:
        """Delete a checkpoint that nobody uses; whether it is gone."""
        with disk_errors():
            lock = os.open(self._lock(int(folder.name.removeprefix("step"))), os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                going = folder.with_name(f".{folder.name}.gone")
                shutil.rmtree(going, ignore_errors=True)  # one that could not be deleted the last time
                if folder.exists():
                    folder.rename(going)  # so that no half of it is ever taken for a whole
                    shutil.rmtree(going)
                return True
            except BlockingIOError:
                return False
            finally:
                os.close(lock)

    def _lock(self, step: int) -> Path:
        return self.root / f".step{step}.used"
