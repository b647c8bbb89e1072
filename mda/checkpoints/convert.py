"""PyTorch's weight files (`.bin`, pickled) read without running anything in them, and written as safetensors."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mda.errors import UserError
from mda.store.atomic import write_json
from mda.store.tensors import write_tensors

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

# Old files of GPT-NeoX carry each layer's causal mask and rotary frequencies, which the library computes; they are
# no weights, and make up half of the file of a small model.
_BUFFER = re.compile(r".*\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)")


class Damaged(UserError):  # noqa: N818 (a condition)
    """A file is not what it is named after; the message is a clause about it."""


def convert(files: Sequence[Path], folder: Path) -> None:
    """Write the weights in `files`, one or several that belong together, to `folder` as safetensors.

    Values keep their type (fp16 stays fp16) and bits; buffers that are no weights are left out. One file is in
    memory at a time. Raises `Damaged` where a file is not one of tensors alone.
    """
    if len(files) == 1:
        write_tensors(folder / WEIGHTS, read_bin(files[0]), {"format": "pt"})
        return
    places: dict[str, str] = {}
    total = 0
    for number, file in enumerate(files, start=1):
        name = f"model-{number:05d}-of-{len(files):05d}.safetensors"
        tensors = read_bin(file)
        write_tensors(folder / name, tensors, {"format": "pt"})
        places |= dict.fromkeys(tensors, name)
        total += sum(tensor.nbytes for tensor in tensors.values())
    write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": places})


def read_bin(path: Path) -> dict[str, torch.Tensor]:
    """The weights in one file, without its buffers. Raises `Damaged` where it is not one of tensors alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of storages without a type, which such files have
            found = _load(path)
    except (MemoryError, OSError):  # nothing that the file is to blame for
        raise
    except Exception as error:  # a damaged or hostile one may raise nearly anything
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        # what PyTorch says of a refused pickle names ways to load it that would run its code
        cause = "it is damaged, or holds more than tensors" if "weights_only" in str(error) else cause[:120]
        raise Damaged(f"{path.name} cannot be read ({cause})") from None
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in found.items()
    ):
        raise Damaged(f"{path.name} holds something else than named tensors")
    return {name: tensor for name, tensor in found.items() if not _BUFFER.fullmatch(name)}


def _load(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise
        return torch.load(path, map_location="cpu", weights_only=True)  # the format before 2020 cannot be mapped


def shards_of(index: Path) -> list[str]:
    """Names of the files that an index of weights names, sorted. Raises `Damaged` where it is no such index."""
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        # an index must not lead to files elsewhere
        if names and all(isinstance(name, str) and Path(name).name == name for name in names):
            return names
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise Damaged(f"{index.name} is not an index of weight files")
