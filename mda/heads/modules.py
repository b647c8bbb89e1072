"""The modules of Hugging Face's GPT-NeoX that a head lives in; every other file reaches them through here."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM
    from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXAttention


def attention(model: GPTNeoXForCausalLM, layer: int) -> GPTNeoXAttention:
    """The attention module of a layer, with `query_key_value` and `dense`."""
    return cast("GPTNeoXAttention", model.gpt_neox.layers[layer].attention)


def unembedding(model: GPTNeoXForCausalLM) -> torch.nn.Linear:
    """The output projection [V, d]; its attribute's name changed between versions of the library."""
    return cast(torch.nn.Linear, model.get_output_embeddings())


def final_gain(model: GPTNeoXForCausalLM) -> torch.Tensor:
    """The gain [d] of the final layer norm."""
    return cast(torch.Tensor, model.gpt_neox.final_layer_norm.weight)


def hidden_states(model: GPTNeoXForCausalLM, ids: torch.Tensor) -> torch.Tensor:
    """The final hidden state [B, T, d], after the final layer norm, of token ids [B, T]."""
    return model.gpt_neox(ids.to(model.device), use_cache=False).last_hidden_state
