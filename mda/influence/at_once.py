"""How many rows pass through a model at once, so that the activations which autograd keeps stay small."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig

# Activations held at once by the kind of device. On a CPU larger batches were not faster, and a row of 2048
# tokens in a small Pythia needs most of it.
BATCH_BYTES = {"cpu": 400e6, "mps": 400e6, "cuda": 4e9}
MOST = 64


def rows_at_once(config: GPTNeoXConfig, length: int, device: str = "cpu", patterns: bool = False) -> int:
    """Rows of `length` tokens in one forward and backward pass, 1 to `MOST`, from a rough count of what
    autograd keeps in fp32. `patterns`: attention patterns are among it, three of each (before, in and after the
    softmax)."""
    kept = 12 * config.hidden_size + 3 * config.intermediate_size
    if patterns:
        kept += 3 * config.num_attention_heads * length
    row = 4 * config.num_hidden_layers * kept * length
    return int(max(1, min(MOST, BATCH_BYTES[device] // row)))
