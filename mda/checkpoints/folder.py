"""Checkpoints in a folder: `step0/ step100/ …` in Hugging Face's format, or one model folder (step 0)."""

from __future__ import annotations

import json
import re
import shutil
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError

from mda.errors import UserError
from mda.heads.geometry import Geometry
from mda.store.atomic import disk_errors
from mda.store.identity import file_digest
from mda.store.tensors import read_tensors, write_tensors

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

ARCHITECTURE = "gpt_neox"
WEIGHTS = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"


def find_steps(folder: Path) -> dict[int, Path]:
    """Checkpoints by step, ascending. Raises UserError where the folder holds none."""
    if (folder / "config.json").is_file():
        return {0: folder}
    found = {
        int(match[1]): path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := re.fullmatch(r"step(\d{1,9})", path.name)) and (path / "config.json").is_file()
    }
    if not found:
        raise UserError(
            f"{folder} holds no checkpoint: give a folder with config.json and {WEIGHTS}, or one with step0/, "
            "step100/, … that do."
        )
    return dict(sorted(found.items()))


def read_config(folder: Path) -> GPTNeoXConfig:
    """The model's configuration. Raises UserError where it is not GPT-NeoX, naming what it is."""
    try:
        kind = json.loads((folder / "config.json").read_text())["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{folder / 'config.json'} is not a model configuration; save the model with save_pretrained."
        ) from None
    if kind != ARCHITECTURE:
        raise UserError(
            f"{folder} holds a '{kind}' model; only GPT-NeoX ('{ARCHITECTURE}') is supported so far, because a "
            "head's weights lie elsewhere in every architecture."
        )
    try:
        config: GPTNeoXConfig = _library().GPTNeoXConfig.from_pretrained(folder)
        return config
    except Exception as error:  # the library's own kinds, one for each way of being wrong
        cause = " ".join(str(error).split())[:200]
        raise UserError(f"{folder / 'config.json'} is not a valid configuration ({cause}).") from None


def read_sizes(folder: Path) -> Geometry:
    """Sizes of the model's attention, without loading the library. Raises UserError as `read_config`."""
    try:
        config = json.loads((folder / "config.json").read_text())
        d_model, layers, heads = (
            int(config[key]) for key in ("hidden_size", "num_hidden_layers", "num_attention_heads")
        )
        return Geometry(layers, heads, d_model, d_model // heads)
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return Geometry.of(read_config(folder))


@cache
def _library() -> ModuleType:
    """transformers, silent: whoever asked for loading or saving tells of it, and absent weights are an error here.

    Imported late: it takes a second or more, and pages that only read results need none of it.
    """
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    return transformers


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a checkpoint. Raises UserError where there is none in safetensors format."""
    files = sorted(path for path in folder.glob("model*.safetensors"))
    if not files:
        raise UserError(f"{folder} has no {WEIGHTS}; save the model with save_pretrained (safetensors).")
    return files


def weights_digest(folder: Path) -> str:
    """sha256 over the weight files, the part of an identity that says which model it was."""
    return "-".join(file_digest(path)[:32] for path in weight_files(folder))


def load_model(folder: Path, device: torch.device | None = None) -> GPTNeoXForCausalLM:
    """The model in fp32, frozen and in evaluation mode, on the device (the CPU by default).

    Raises UserError for truncated files, absent weights (which the library would fill with random ones and
    only a log line) and numbers that are not finite.
    """
    config = read_config(folder)
    weight_files(folder)
    try:
        loaded: Any = _library().GPTNeoXForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            attn_implementation="sdpa",
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are in the report, and refused below with a name
        )
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        cause = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UserError(f"The weights in {folder} cannot be read ({cause}); copy or save them again.") from error
    model, report = loaded
    if report["missing_keys"] or report["mismatched_keys"]:
        lacking = sorted([*report["missing_keys"], *(entry[0] for entry in report["mismatched_keys"])])
        raise UserError(
            f"The weights in {folder} lack {lacking[0]} in the shape that config.json says ({len(lacking)} such "
            "in all); save model and configuration again."
        )
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            raise UserError(
                f"The weights in {folder} hold values that are not finite ({name}): training diverged or the "
                "file is damaged; use another checkpoint."
            )
    return model.eval().requires_grad_(False).to(device or torch.device("cpu"))


def save_checkpoint(folder: Path, model: GPTNeoXForCausalLM, optimizer: torch.optim.Optimizer | None) -> None:
    """Write model and optimizer state beside `folder`, then take its place, so that it is whole or absent."""
    partial = folder.with_name(f"{folder.name}.partial")
    with disk_errors():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _library()  # silences it
        model.save_pretrained(partial)
        if optimizer is not None:
            write_tensors(partial / OPTIMIZER, optimizer_tensors(model, optimizer))
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)


def optimizer_tensors(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimizer's state as named tensors: `<parameter>/<exp_avg | exp_avg_sq | step>`."""
    return {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }


def has_optimizer(folder: Path) -> bool:
    """Whether the checkpoint keeps its optimizer's state."""
    return (folder / OPTIMIZER).is_file()


def load_optimizer(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put the stored state into a fresh optimizer over the model's parameters. Raises UserError where it does
    not fit them all."""
    stored = read_tensors(folder / OPTIMIZER)
    if not stored:
        return  # step 0: nothing was stored because nothing was trained yet
    for name, parameter in model.named_parameters():
        shapes = {"exp_avg": parameter.shape, "exp_avg_sq": parameter.shape, "step": torch.Size([])}
        state = {key: stored.get(f"{name}/{key}") for key in shapes}
        if any(value is None or value.shape != shapes[key] for key, value in state.items()):
            raise UserError(f"The optimizer state in {folder} does not fit its model ({name}); save both again.")
        optimizer.state[parameter] = state
