"""Cost and memory of scoring at Pythia-14M's shape, random weights.   python -m benchmarks.pythia_shape

6 layers, d_model 128, 4 heads, vocabulary 50304, rows of 2048 tokens. Compared with a bare forward pass plus
backward to the activations on the same rows: the same chunked logits, nothing captured. Sides take turns row by
row, so that a busy machine slows both. Memory is the peak of a fresh process a size.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psutil
import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from mda.heads.blocks import block_shape, blocks_of
from mda.heads.geometry import Geometry, Head
from mda.heads.modules import hidden_states
from mda.influence.next_token import loss_gradient
from mda.influence.score import Scorer
from mda.training.recipe import new_model


def shape_of_14m() -> GPTNeoXConfig:
    """EleutherAI's models/14M/pythia-14m.yml: sizes that matter for cost."""
    return _shape(width=128, heads=4)


def shape_of_70m() -> GPTNeoXConfig:
    """EleutherAI's models/70M/pythia-70m.yml: sizes that matter for cost."""
    return _shape(width=512, heads=8)


def _shape(width: int, heads: int) -> GPTNeoXConfig:
    return GPTNeoXConfig(
        vocab_size=50304,
        hidden_size=width,
        num_hidden_layers=6,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=2048,
        use_parallel_residual=True,
        bos_token_id=0,
        eos_token_id=0,
    )


def bare(model: GPTNeoXForCausalLM, tokens: np.ndarray) -> None:
    """Forward, and backward to the activations down to the embedding's output."""
    ids = torch.from_numpy(tokens.astype(np.int64))
    handle = model.gpt_neox.embed_in.register_forward_hook(lambda module, inputs, out: out.requires_grad_(True))
    hidden = hidden_states(model, ids[:, :-1])
    handle.remove()
    _, gradient = loss_gradient(model, hidden, targets=ids[:, 1:])
    hidden.backward(gradient)


def scorer_of(model: GPTNeoXForCausalLM, heads: list[Head]) -> Scorer:
    """A scorer with random directions for all blocks of the heads."""
    sizes = Geometry.of(model.config)
    generator = torch.Generator().manual_seed(0)
    directions = {b: torch.randn(block_shape(b, sizes), generator=generator) for b in blocks_of(heads, "qkvo")}
    return Scorer(model, [directions], heads)


def measure_time(rows: int) -> None:
    """Seconds a row of the bare pass, of one head of layer 0 and of all 24 heads."""
    model = new_model(shape_of_14m(), 0).eval().requires_grad_(False)
    tokens = np.random.default_rng(0).integers(0, 50304, (rows, 2049))
    one, every = [Head(0, 0)], Geometry.of(model.config).all_heads()
    times: dict[str, list[float]] = {"bare forward + backward": [], "one head of layer 0": [], "all 24 heads": []}
    for row in range(rows):
        part = tokens[row : row + 1]
        for label, heads in zip(times, (None, one, every), strict=True):
            begun = time.perf_counter()
            if heads is None:
                bare(model, part)
            else:
                with scorer_of(model, heads) as scorer:
                    scorer.rows(part)
            times[label].append(time.perf_counter() - begun)
    medians = {label: float(np.median(values[1:])) for label, values in times.items()}
    table = pd.DataFrame(
        [
            (
                label,
                value,
                float(np.quantile(times[label][1:], 0.1)),
                float(np.quantile(times[label][1:], 0.9)),
                value / medians["bare forward + backward"],
                value / medians["one head of layer 0"],
            )
            for label, value in medians.items()
        ],
        columns=["pass", "median s/row", "10 %", "90 %", "of bare", "of one head"],
    )
    print(f"{rows} rows of 2048 tokens, {torch.get_num_threads()} threads")
    print(table.round(3).to_string(index=False))


def measure_memory(rows: int) -> None:
    """Print the peak resident memory in bytes of scoring `rows` rows, all heads."""
    model = new_model(shape_of_14m(), 0).eval().requires_grad_(False)
    random = np.random.default_rng(0)
    with scorer_of(model, Geometry.of(model.config).all_heads()) as scorer:
        for _ in range(rows):
            scorer.rows(random.integers(0, 50304, (1, 2049)))
    print(psutil.Process().memory_info().rss, _peak())


def _peak() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def main() -> None:
    """Print the table of times, then of memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--memory-of", type=int, help="internal: measure this process's memory for so many rows")
    options = parser.parse_args()
    if options.memory_of:
        measure_memory(options.memory_of)
        return
    measure_time(options.rows)
    lines = []
    for rows in (4, 16, 64):
        command = [sys.executable, "-m", "benchmarks.pythia_shape", "--memory-of", str(rows)]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        lines.append((rows, int(found[1]) / 1e9))
    print(pd.DataFrame(lines, columns=["rows scored", "peak GB"]).round(2).to_string(index=False))


if __name__ == "__main__":
    main()
