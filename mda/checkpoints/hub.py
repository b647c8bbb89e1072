"""Checkpoints of a repository on the hub, brought here one by one as they are asked for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from safetensors import SafetensorError, safe_open

from mda.checkpoints.convert import INDEX, Damaged, convert, shards_of
from mda.checkpoints.folder import read_sizes, weight_files
from mda.checkpoints.kept import ORIGIN, Kept, Origin, StoredFile
from mda.errors import UserError
from mda.hub import client, names
from mda.store.atomic import disk_errors, sync_file, sync_folder, write_json
from mda.store.identity import file_digest
from mda.store.locks import held
from mda.store.paths import refuse_if_read_only

ASKED_AT_ONCE = 8  # requests for the sizes of several steps
Advance = Callable[[int], None]


class NoWeights(UserError):  # noqa: N818 (a condition)
    """This step has no weights on the hub, or none that can be read; other steps may well have."""


class HubCheckpoints:
    """Checkpoints of the model `repo`, whose steps are the `commits` (40 hex digits) of its revisions.

    `config_folder` holds the model's config.json. Checkpoints are kept in `folder`, in `step0/ step1000/ …`: whole
    or absent, as safetensors, with an `origin.json` (see `Kept`).
    """

    def __init__(self, repo: str, commits: Mapping[int, str], config_folder: Path, folder: Path) -> None:
        self.repo = repo
        self._commits = dict(sorted(commits.items()))
        self._config_folder = config_folder
        self.kept = Kept(folder)

    @property
    def steps(self) -> list[int]:
        return list(self._commits)

    @property
    def config_folder(self) -> Path:
        return self._config_folder

    def here(self, step: int) -> bool:
        return self.kept.is_whole(step, self._commits[step])

    def digest(self, step: int) -> str:
        """The repository and the commit, which fixes every byte of it."""
        return f"{self.repo}@{self._commits[step]}"

    def has_optimizer(self, step: int) -> bool:
        return False

    def absent(self, step: int) -> str | None:
        return self.kept.absent(self._commits[step])

    def download_bytes(self, step: int) -> int | None:
        if self.here(step) or self.absent(step) is not None:
            return 0
        try:
            return weight_bytes(self.repo, self._commits[step])
        except client.HubError:
            return None

    def folder(self, step: int, advance: Advance = lambda bytes_: None) -> Path:
        """The checkpoint's folder, downloaded first where it is not here; `advance` is told bytes as they come.

        What `advance` raises ends the download, which the next call resumes. The folder stays while the process
        uses this object, until two other steps were asked for. Raises `NoWeights`, `HubError`, and UserError for
        a full disk or a read-only cache.
        """
        self.kept.hold(step)  # before looking, so that no other process removes it in between
        if not self.here(step):
            if reason := self.absent(step):
                raise NoWeights(reason)
            refuse_if_read_only()
            with disk_errors():
                self.kept.root.mkdir(parents=True, exist_ok=True)
            self.kept.hold(step)  # the folder may not have been there before
            with held(self.kept.root / f".step{step}.lock", lambda: advance(0)):
                if not self.here(step):  # another process has just brought it
                    try:
                        self._fetch(step, advance)
                    except NoWeights as reason:
                        self.kept.note_absent(self._commits[step], str(reason))
                        raise
                    self.kept.prune()
        self.kept.used(step)
        return self.kept.folder(step)

    def _fetch(self, step: int, advance: Advance) -> None:
        """Download, convert and check a step beside its place, and put it there when it is whole."""
        commit, final = self._commits[step], self.kept.folder(step)
        work = final.with_name(f".{final.name}.{commit[:12]}.partial")  # of one commit, so that it can be resumed
        with disk_errors():
            work.mkdir(exist_ok=True)
        try:
            came = self._download(step, work, advance)
            origins = [StoredFile(name=p.name, size=p.stat().st_size, sha256=file_digest(p)) for p in came]
            pickled = [path for path in came if path.suffix == ".bin"]
            if pickled:
                convert(pickled, work)
            _check_readable(work)
        except Damaged as error:  # what came is what the hub has, or it would have been refused before
            shutil.rmtree(work, ignore_errors=True)
            raise NoWeights(
                f"The weights of {self.repo} at step {step} are damaged on the hub ({error}); use another step."
            ) from None
        with disk_errors():
            for path in (*pickled, *work.glob("*.bin.index.json")):
                path.unlink(missing_ok=True)
            sizes = {path.name: path.stat().st_size for path in sorted(work.iterdir()) if path.name[0] != "."}
            origin = Origin(repo=self.repo, commit=commit, files=origins, converted=bool(pickled), here=sizes)
            for name in sizes:
                sync_file(work / name)
            write_json(work / ORIGIN, origin.model_dump())
            shutil.rmtree(final, ignore_errors=True)  # of another commit, or damaged
            work.rename(final)
            sync_folder(final.parent)
            for left in (*final.glob(".incomplete-*"), *final.parent.glob(f".{final.name}.*.partial")):
                shutil.rmtree(left) if left.is_dir() else left.unlink()

    def _download(self, step: int, work: Path, advance: Advance) -> list[Path]:
        """Bring config.json and the weight files to `work`; returns the weight files."""
        commit = self._commits[step]

        def get(name: str, advance: Advance = advance) -> Path:
            return client.download(self.repo, "model", commit, name, work, advance)

        try:
            listed = [file.name for file in _weights(self.repo, commit)]
            if not listed:
                raise NoWeights(f"{self.repo} has no weights at step {step}; use another step.")
            if listed[0] in names.INDEX_FILES:
                listed[1:] = shards_of(get(listed[0]))
            came = [get(name) for name in listed if name not in names.INDEX_FILES]
            self._bring_config(get, work)
        except client.Offline as error:
            found = self._from_library_cache(get, work)
            if found is None:
                raise client.Offline(
                    f"Step {step} of {self.repo} is not on this machine, and the hub is not within reach: when it "
                    f"is, `mda study download {self.kept.root.parent.name} --steps {step}` brings it. ({error})"
                ) from error
            came = [found]
        if read_sizes(work) != read_sizes(self._config_folder):
            raise UserError(
                f"Step {step} of {self.repo} is a model of other sizes than the study's; a study is of one model."
            )
        return came

    def _bring_config(self, get: Callable[..., Path], work: Path) -> None:
        try:
            get(names.CONFIG, lambda bytes_: None)
        except client.NotThere:
            shutil.copyfile(self._config_folder / names.CONFIG, work / names.CONFIG)

    def _from_library_cache(self, get: Callable[..., Path], work: Path) -> Path | None:
        """The weights where the user's Hugging Face cache has them; no other files come without a network."""
        for name in names.MODEL_FILES:
            try:
                found = get(name)
                self._bring_config(get, work)
                return found
            except client.Offline:
                continue
        return None


@lru_cache(maxsize=1024)
def _listed(endpoint: str, repo: str, commit: str) -> dict[str, client.RepoFile]:
    """The files of a commit, which never change; `endpoint` tells hubs apart."""
    return client.files(repo, "model", commit)


def weight_bytes(repo: str, commit: str) -> int | None:
    """Size of a commit's weights on the hub: 0 where it has none, None where the hub does not tell. Raises
    `HubError`."""
    sizes = [file.size for file in _weights(repo, commit)]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _weights(repo: str, commit: str) -> list[client.RepoFile]:
    """The weight files to download, safetensors if there are any: one, or an index and its parts; or none."""
    listed = _listed(client.endpoint(), repo, commit)
    for whole, index in zip(names.MODEL_FILES, names.INDEX_FILES, strict=True):
        if whole in listed:
            return [listed[whole]]
        if index in listed:
            part = re.compile(re.escape(whole).replace(r"\.", r"-\d+-of-\d+\.", 1))
            return [listed[index], *(listed[name] for name in sorted(listed) if part.fullmatch(name))]
    return []


def _check_readable(folder: Path) -> None:
    """Raise `Damaged` where the weights in a folder are not whole safetensors files."""
    paths = weight_files(folder)
    for path in paths:
        try:
            with safe_open(path, framework="pt") as file:
                if not list(file.keys()):
                    raise Damaged(f"{path.name} is empty")
        except (SafetensorError, OSError) as error:
            raise Damaged(f"{path.name} cannot be read: {str(error).splitlines()[0][:120]}") from None
    if (folder / INDEX).exists() and [path.name for path in paths] != shards_of(folder / INDEX):
        raise Damaged(f"{INDEX} names other files than there are")
