"""Files that appear whole or not at all, and a full disk told in one sentence."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from mda.errors import UserError


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn a full disk or a folder that may not be written into a `UserError` with the remedy."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        # safetensors writes in Rust and raises an exception of its own, with the number in its text
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or (
            f"(os error {errno.ENOSPC})" in str(error)
        ):
            raise UserError(
                "the disk is full: free space and run the same command again; what was finished is kept"
            ) from error
        refused = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
        if isinstance(error, OSError) and error.errno in refused and error.filename is not None:
            raise UserError(
                f"cannot write to {error.filename} ({error.strerror}): change its permissions, "
                "or set MDA_CACHE to a folder that you can write"
            ) from error
        raise


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, so that a rename in it outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Flush a closed file's bytes to the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


@contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the place of `path` if the body succeeds.

    `durable` flushes to the disk first; without it the file is still never seen half-written, but a power
    cut may undo the change (for what is written twice a second and never needed afterwards).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    with disk_errors():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            if durable:
                sync_file(temporary)
            os.replace(temporary, path)
            if durable:
                sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def to_bytes(value: Any, indent: int | None = None) -> bytes:
    """`value` as JSON; NaN and infinity, which JSON does not have, become null; NumPy values are taken."""
    return to_json(value, indent=indent, inf_nan_mode="null", fallback=_from_numpy)


def _from_numpy(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be stored as JSON")


def write_bytes(path: Path, content: bytes, durable: bool = True) -> None:
    """Replace the file `path` by `content` in one go."""
    with replacing(path, durable) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any, durable: bool = True) -> None:
    """Replace the file `path` by `value` as indented JSON (see `to_bytes`) in one go."""
    write_bytes(path, to_bytes(value, indent=1) + b"\n", durable)
