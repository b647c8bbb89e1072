"""Tensors in safetensors files, and a single large array of such a file mapped without being read.

The format (8 bytes little-endian header length, JSON header, data) is described at
https://github.com/huggingface/safetensors#format; only `map_array` reads it by hand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mda.errors import UserError
from mda.store.atomic import replacing

_NUMPY_TYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}
_LONGEST_HEADER = 100_000_000  # bytes; the limit of the safetensors library


def write_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named tensors in one go: `path` holds the old file or the whole new one, never a piece."""
    seen: set[int] = set()
    own = {name: _own(tensor, seen) for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(own, temporary, metadata=None if metadata is None else dict(metadata))
        # the library's files are private to their owner; give them the rights of the folder they lie in
        temporary.chmod(path.parent.stat().st_mode & 0o666)


def _own(tensor: torch.Tensor, seen: set[int]) -> torch.Tensor:
    """The tensor on the CPU with a storage of its own, since the format has no views or tied weights."""
    tensor = tensor.detach().cpu().contiguous()
    storage = tensor.untyped_storage()
    if storage.nbytes() != tensor.nbytes or storage.data_ptr() in seen:
        tensor = tensor.clone()
    seen.add(tensor.untyped_storage().data_ptr())
    return tensor


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read all tensors to the CPU; raises `UserError` where the file is missing or broken."""
    if not path.is_file():
        raise UserError(f"there is no file {path}; run the command that makes it")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _broken(path, str(error)) from error


def map_array(path: Path, name: str) -> np.ndarray:
    """One tensor of a safetensors file as a read-only array that the system pages in on demand.

    Raises `UserError` where the file is missing, truncated or otherwise broken, or has no such tensor;
    `TypeError` for a type that NumPy does not have (bfloat16, float8).
    """
    header, data_begin, data_bytes = _header(path)
    for entry in header.values():
        if not _fits(entry, data_bytes):
            raise _broken(path, "the header does not agree with the file's size")
    if name not in header:
        raise UserError(f"{path} holds no tensor '{name}'; it holds {', '.join(sorted(header)) or 'none'}")
    entry = header[name]
    if entry["dtype"] not in _NUMPY_TYPES:
        raise TypeError(f"NumPy has no type for {entry['dtype']} of '{name}' in {path}")
    dtype = np.dtype(_NUMPY_TYPES[entry["dtype"]])
    shape = tuple(entry["shape"])
    begin, end = entry["data_offsets"]
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise _broken(path, f"'{name}' does not have the bytes that its shape needs")
    if end == begin:  # an empty file region cannot be mapped
        empty = np.empty(shape, dtype)
        empty.flags.writeable = False
        return empty
    return np.memmap(path, dtype, mode="r", offset=data_begin + begin, shape=shape)


def _header(path: Path) -> tuple[dict[str, dict[str, Any]], int, int]:
    """The header's tensors, and where the data begins and how long it is, in bytes."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, _LONGEST_HEADER):
                raise _broken(path, "it is truncated")
            header = json.loads(file.read(length))
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}; run the command that makes it") from error
    except (OSError, ValueError) as error:
        raise _broken(path, str(error)) from error
    if not isinstance(header, dict):
        raise _broken(path, "its header is not an object")
    header.pop("__metadata__", None)
    return header, 8 + length, size - 8 - length


def _fits(entry: Any, data_bytes: int) -> bool:
    try:
        begin, end = entry["data_offsets"]
        whole = [begin, end, *entry["shape"]]
        return isinstance(entry["dtype"], str) and (
            all(type(number) is int and number >= 0 for number in whole) and begin <= end <= data_bytes
        )
    except (KeyError, TypeError, ValueError):
        return False


def _broken(path: Path, cause: str) -> UserError:
    return UserError(
        f"{path} is truncated or broken ({cause}); delete the folder that holds it "
        "and run the command that makes it again"
    )
