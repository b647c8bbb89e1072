"""EK-FAC and scores against kronfluence, an independent implementation (optional: skipped where not installed).

Kronfluence knows whole `nn.Linear` layers only, so it gets a copy of the model whose attention is split into one
layer for each block of each head, without biases (they are added outside and so not tracked). Both sides see the
same rows and the same sampled labels.
"""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn
from transformers import GPTNeoXForCausalLM
from transformers.models.gpt_neox.modeling_gpt_neox import apply_rotary_pos_emb

from mda.curvature.registry import find_curvature
from mda.heads.blocks import Block, block_weight, blocks_of
from mda.heads.geometry import Geometry, Head
from mda.heads.scores import prefix_matching
from mda.heads.sequences import RepeatedBatch, repeated_batches
from mda.influence.capture import Capture
from mda.influence.directions import probe_gradients, solved
from mda.influence.next_token import loss_gradient
from mda.influence.score import Scorer
from mda.probes.probes import find_probe

pytest.importorskip("kronfluence")
from kronfluence.analyzer import Analyzer, prepare_model
from kronfluence.arguments import FactorArguments, ScoreArguments
from kronfluence.task import Task

PERIOD, TARGET = 5, Head(1, 0)
ROWS, LENGTH = 60, 2 * PERIOD  # rows of 11 tokens: the probe's sequences have as many positions


class SplitAttention(nn.Module):
    """GPT-NeoX attention with one bias-free `nn.Linear` for each block of each head; keeps its pattern."""

    def __init__(self, model: GPTNeoXForCausalLM, layer: int) -> None:
        super().__init__()
        sizes = Geometry.of(model.config)
        attention = model.gpt_neox.layers[layer].attention
        self.sizes = sizes
        heads = range(sizes.heads)
        for name in ("qk", "v", "o"):
            weights = [block_weight(model, Block(Head(layer, h), name), sizes).detach().clone() for h in heads]
            linears = [nn.Linear(*weight.shape, bias=False) for weight in weights]
            for linear, weight in zip(linears, weights, strict=True):
                linear.weight = nn.Parameter(weight.T.contiguous())
            setattr(self, name, nn.ModuleList(linears))
        self.in_bias = nn.Parameter(attention.query_key_value.bias.detach().clone())
        self.out_bias = nn.Parameter(attention.dense.bias.detach().clone())

    def forward(  # type: ignore[no-untyped-def]
        self, hidden_states, attention_mask=None, position_embeddings=None, **unused
    ):
        dh, length = self.sizes.d_head, hidden_states.shape[1]
        hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
        written, patterns = self.out_bias, []
        for h in range(self.sizes.heads):
            bias = self.in_bias[3 * h * dh : 3 * (h + 1) * dh]
            q, k = (self.qk[h](hidden_states) + bias[: 2 * dh]).chunk(2, -1)
            value = self.v[h](hidden_states) + bias[2 * dh :]
            q, k = apply_rotary_pos_emb(q[:, None], k[:, None], *position_embeddings)
            scores = (q @ k.transpose(-1, -2))[:, 0] * dh**-0.5
            pattern = scores.masked_fill(hidden, -torch.inf).softmax(-1)
            patterns.append(pattern)
            written = written + self.o[h](pattern @ value)
        self.pattern = torch.stack(patterns, dim=1)
        return written, self.pattern


def split(model: GPTNeoXForCausalLM) -> GPTNeoXForCausalLM:
    twin = copy.deepcopy(model)
    for number, layer in enumerate(twin.gpt_neox.layers):
        layer.attention = SplitAttention(model, number)
    return twin.requires_grad_(True)


def module_name(block: Block) -> str:
    return f"gpt_neox.layers.{block.head.layer}.attention.{block.name}.{block.head.index}"


class HeadTask(Task):  # type: ignore[misc]
    """Summed next-token loss; `sample=True` takes the labels that come with the row."""

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks

    def compute_train_loss(  # type: ignore[no-untyped-def]
        self, batch, model, sample=False
    ) -> torch.Tensor:
        ids, targets, labels = batch
        logits = model(ids, use_cache=False).logits.flatten(0, 1)
        return nn.functional.cross_entropy(logits, (labels if sample else targets).flatten(), reduction="sum")

    def compute_measurement(self, batch, model) -> torch.Tensor:  # type: ignore[no-untyped-def]
        model.gpt_neox(batch[0], use_cache=False)
        pattern = model.gpt_neox.layers[TARGET.layer].attention.pattern
        mean = prefix_matching(pattern, RepeatedBatch(batch[0], PERIOD))[TARGET.index]
        return mean * len(batch[0])  # a sum over sequences, as kronfluence wants one gradient a sequence

    def get_influence_tracked_modules(self) -> list[str]:
        return [module_name(block) for block in self.blocks]


def test_split_attention_is_the_same_model(tiny: GPTNeoXForCausalLM) -> None:
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, 13, (3, 9)))
    torch.testing.assert_close(split(tiny)(ids).logits, tiny(ids).logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("strategy", ["ekfac", "kfac", "diagonal", "identity"])
def test_scores_of_every_block_agree_with_kronfluence(
    tiny: GPTNeoXForCausalLM, tmp_path: Path, strategy: str
) -> None:
    source = np.random.default_rng(1)
    rows = source.integers(0, 13, (ROWS, LENGTH + 1))
    labels = torch.from_numpy(source.integers(0, 13, (ROWS, LENGTH)))
    probe_batch = repeated_batches(range(1, 13), start=0, periods=(PERIOD,), sequences=8, seed=0)

    first, second, _ = probe_gradients(
        tiny,
        find_probe("prefix_matching"),
        probe_batch,
        [TARGET],
        blocks_of(Geometry.of(tiny.config).all_heads(), "qkvo"),
        own=False,
    )
    blocks = list(first)
    assert len(blocks) == 7  # all six of layer 0 and the target's own QK
    curvature = find_curvature(strategy)(blocks)
    with Capture(tiny, blocks) as capture:
        for number in range(curvature.passes):
            for start in range(0, ROWS, 16):
                ids = torch.from_numpy(rows[start : start + 16, :-1])
                hidden = tiny.gpt_neox(ids, use_cache=False).last_hidden_state
                _, gradient = loss_gradient(tiny, hidden, targets=labels[start : start + 16])
                curvature.observe(number, capture.sides(hidden, gradient))
            curvature.end_pass(number)
    directions = solved(curvature, {b: (first[b] + second[b]) / 2 for b in blocks})
    ours = {}
    for block in blocks:
        with Scorer(tiny, [{block: directions[block]}], [block.head]) as scorer:
            ours[block] = scorer.rows(rows)[0, 0]

    tokens = torch.from_numpy(rows)
    train = torch.utils.data.TensorDataset(tokens[:, :-1], tokens[:, 1:], labels)
    query = torch.utils.data.TensorDataset(probe_batch[0].tokens)
    task = HeadTask(blocks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        analyzer = Analyzer(
            "tiny",
            prepare_model(split(tiny), task),
            task,
            cpu=True,
            output_dir=str(tmp_path),
            disable_tqdm=True,
        )
        analyzer.fit_all_factors("f", train, 20, factor_args=FactorArguments(strategy=strategy))
        analyzer.compute_pairwise_scores(
            "s",
            "f",
            query,
            train,
            per_device_query_batch_size=8,
            per_device_train_batch_size=20,
            score_args=ScoreArguments(damping_factor=None, compute_per_module_scores=True),
        )
    found = analyzer.load_pairwise_scores("s")
    # Its K-FAC leaves out that a row's gradient is a sum over tokens, which only scales H.
    scale = 1 / LENGTH if strategy == "kfac" else 1.0
    theirs = {block: scale * found[module_name(block)].mean(0).numpy() for block in blocks}

    for block in blocks:
        assert spearmanr(ours[block], -theirs[block]).statistic > 0.999, str(block)
        # Theirs is the inner product of gradients, ours the effect of a step down the loss: hence the sign.
        largest = np.abs(ours[block]).max()
        np.testing.assert_allclose(ours[block] / largest, -theirs[block] / largest, atol=1e-4, err_msg=str(block))
