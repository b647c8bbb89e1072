"""Identities: sha256 of a specification, a file or an array.

An artefact's identity must change with everything that changes its numbers and with nothing else, so a
specification is hashed as canonical JSON: sorted keys, no spaces, shortest exact floats, no NaN.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mda.errors import UserError

_CHUNK_BYTES = 16 * 2**20


def identity(spec: Mapping[str, Any]) -> str:
    """sha256 (hex) of the canonical JSON of `spec`.

    The order of keys, and tuple or list, make no difference. Integers and floats differ (1 is not 1.0).
    Raises `UserError` for NaN or infinity, `TypeError` for keys other than strings and for values that
    JSON does not have.
    """
    return hashlib.sha256(canonical(spec).encode()).hexdigest()


def canonical(spec: Mapping[str, Any]) -> str:
    """The canonical JSON of `spec`, the text that `identity` hashes."""
    return json.dumps(_plain(spec, "spec"), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        for key in value:
            # json.dumps would turn the key 1 into "1" and let two different specifications collide
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}; keys of a specification are strings")
        return {key: _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{where} is {value}; give a finite number")
    return value


def file_digest(path: Path) -> str:
    """sha256 (hex) of a file's bytes, read in pieces; raises `UserError` where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}); check the path") from error


def array_digest(array: np.ndarray) -> str:
    """sha256 (hex) of an array's dtype, shape and values in row-major order, whatever its memory layout.

    A memory-mapped array is read in blocks of rows, so memory does not grow with it.
    """
    if array.dtype.hasobject:
        raise TypeError(f"an array of dtype {array.dtype} has no stable bytes")
    little = array.dtype.newbyteorder("<")
    digest = hashlib.sha256(f"{little.str}{array.shape}".encode())
    rows = array.reshape(1) if array.ndim == 0 else array
    step = max(1, _CHUNK_BYTES // max(1, rows[:1].nbytes))
    for begin in range(0, len(rows), step):
        digest.update(rows[begin : begin + step].astype(little, copy=False).tobytes())
    return digest.hexdigest()
