"""At the size of real models: logits in chunks, few rows at once, and everything on the model's device."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from building import tiny_model_config
from scipy.stats import spearmanr
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from mda.curvature import base
from mda.curvature.registry import CURVATURES
from mda.heads import model_scores
from mda.heads.geometry import Geometry, Head
from mda.heads.model_scores import losses_at, token_losses
from mda.heads.modules import hidden_states
from mda.heads.sequences import repeated_batches
from mda.influence import at_once, directions
from mda.influence.at_once import rows_at_once
from mda.influence.attribute import Question, answer
from mda.influence.directions import probe_gradients, probe_pieces
from mda.influence.score import Scorer, in_format
from mda.probes.probes import PROBES
from mda.training.recipe import new_model

VOCAB = 13
BATCHES = repeated_batches(range(1, VOCAB), start=0, periods=(4, 7), sequences=16, seed=0)
L0, L1 = Head(0, 1), Head(1, 0)


@pytest.fixture(params=[1, 3 * VOCAB, 50 * VOCAB])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Logits held at once: of one position, of three, of fifty."""
    monkeypatch.setattr(model_scores, "CHUNK_LOGITS", request.param)
    return request.param


def largest_logits(model: GPTNeoXForCausalLM, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers in every tensor of logits that the model makes from now on."""
    made: list[int] = []
    model.get_output_embeddings().register_forward_hook(lambda module, inputs, output: made.append(output.numel()))
    return made


def test_losses_and_their_gradient_in_chunks(
    tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = torch.from_numpy(tiny_rows)
    hidden = hidden_states(tiny, rows[:, :-1]).flatten(0, 1).detach().requires_grad_(True)
    logits = tiny.get_output_embeddings()(hidden)
    expected = torch.nn.functional.cross_entropy(logits, rows[:, 1:].flatten(), reduction="none")
    weights = torch.linspace(-1, 1, len(hidden))
    (slope,) = torch.autograd.grad((expected * weights).sum(), hidden)
    made = largest_logits(tiny, monkeypatch)
    found = losses_at(tiny, hidden, rows[:, 1:].flatten())
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad((found * weights).sum(), hidden)[0], slope)
    torch.testing.assert_close(token_losses(tiny, rows), expected.detach().view(24, 10))
    assert max(made) <= max(chunk, VOCAB)


def test_one_chunk_gives_the_very_numbers_of_the_whole_model(
    tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray
) -> None:
    rows = torch.from_numpy(tiny_rows)
    logits = tiny(rows[:, :-1], use_cache=False).logits
    whole = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="none")
    assert torch.equal(token_losses(tiny, rows), whole.view(24, 10))


@pytest.mark.parametrize("probe", PROBES)
def test_the_probe_does_not_depend_on_chunks_or_pieces(
    tiny: GPTNeoXForCausalLM, probe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Question(probe, (L1,), (L0, L1), "qkvo", "ekfac", 0)

    def found() -> tuple:
        return probe_gradients(tiny, PROBES[probe], BATCHES, question.heads, question.carriers(), False)

    whole = found()
    made = largest_logits(tiny, monkeypatch)
    monkeypatch.setattr(model_scores, "CHUNK_LOGITS", 3 * VOCAB)
    monkeypatch.setitem(at_once.BATCH_BYTES, "cpu", 1)  # one sequence at a time
    parts = found()
    assert parts[2] == pytest.approx(whole[2], rel=1e-5)
    for one, other in zip(parts[:2], whole[:2], strict=True):
        assert one.keys() == other.keys()
        for block in one:
            torch.testing.assert_close(one[block], other[block], rtol=1e-4, atol=1e-6)
    assert not made or max(made) <= 3 * VOCAB
    assert len(probe_pieces(tiny, BATCHES[0])) == len(BATCHES[0].tokens)


def test_rows_at_once_at_pythias_sizes() -> None:
    def config(width: int, heads: int) -> GPTNeoXConfig:
        return GPTNeoXConfig(
            hidden_size=width, num_hidden_layers=6, num_attention_heads=heads, intermediate_size=4 * width
        )

    small, larger = config(128, 4), config(512, 8)
    assert rows_at_once(small, 2048) == 2  # 24 numbers of d = 128 a token and layer: 151 MB a row
    assert rows_at_once(larger, 2048) == 1
    assert rows_at_once(larger, 2048, "cuda") == 6
    assert rows_at_once(small, 128) == 42
    assert rows_at_once(small, 9) == at_once.MOST
    assert rows_at_once(larger, 201, patterns=True) < rows_at_once(larger, 201) <= directions.PROBE_BATCH


def test_bfloat16_keeps_the_order_of_scores_and_the_places_of_tokens() -> None:
    model = new_model(tiny_model_config(vocab=13, d_model=64, positions=64), seed=3).eval().requires_grad_(False)
    sizes = Geometry.of(model.config)
    question = Question("prefix_matching", (L1,), (L0, L1), "qkvo", "identity", 0)
    first, *_ = probe_gradients(model, PROBES["prefix_matching"], BATCHES, (L1,), question.carriers(), False)
    rows = np.random.default_rng(1).integers(0, VOCAB, (200, 33))
    frequencies = model.gpt_neox.rotary_emb.inv_freq.clone()

    def scores(of: GPTNeoXForCausalLM) -> np.ndarray:
        with Scorer(of, [first], sizes.all_heads()) as scorer:
            return scorer.rows(rows)[0].sum(0)

    exact, short = scores(model), in_format(copy.deepcopy(model), "bfloat16")
    assert short.dtype == torch.bfloat16
    assert torch.equal(short.gpt_neox.rotary_emb.inv_freq, frequencies)
    rounded = scores(short)
    assert not np.array_equal(rounded, exact)
    assert spearmanr(rounded, exact).statistic > 0.99
    assert in_format(model, "float32").dtype == torch.float32


class OneDevice(TorchDispatchMode):
    """Operations whose tensors lie on two devices fail, as they do on a GPU; those that copy and index do not."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor) and leaf.dim()]
        if len({tensor.device for tensor in tensors}) > 1:
            some = torch.ops.aten.index, torch.ops.aten.index_put, torch.ops.aten.copy_
            assert func.overloadpacket in some, f"two devices in {func}"
        return func(*args, **(kwargs or {}))


@pytest.fixture(params=["with fp64", "without fp64"])
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The meta device stands for a GPU. What is fetched from it is zeros."""
    monkeypatch.setitem(at_once.BATCH_BYTES, "meta", 400e6)
    fetch, move, double = torch.Tensor.cpu, torch.Tensor.to, torch.Tensor.double

    def fetched(self: torch.Tensor) -> torch.Tensor:
        return torch.zeros(self.shape, dtype=self.dtype) if self.is_meta else fetch(self)

    def moved(self: torch.Tensor, *where: object, **how: object) -> torch.Tensor:
        return fetched(self) if where == (torch.device("cpu"),) else move(self, *where, **how)

    def doubled(self: torch.Tensor) -> torch.Tensor:
        assert not self.is_meta, "fp64 on a device without it"
        return double(self)

    monkeypatch.setattr(torch.Tensor, "cpu", fetched)
    monkeypatch.setattr(torch.Tensor, "to", moved)
    if request.param == "without fp64":
        monkeypatch.setattr(base, "WITHOUT_FP64", ("meta",))
        monkeypatch.setattr(torch.Tensor, "double", doubled)
    monkeypatch.setattr(torch.Tensor, "item", lambda self: 0.0)
    # it looks into position ids, which have no values there
    monkeypatch.setattr("transformers.masking_utils.find_packed_sequence_indices", lambda position_ids: None)
    with OneDevice():
        yield


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("curvature", "probe"), [*[(name, "prefix_matching") for name in CURVATURES], ("kfac", "induction")]
)
def test_everything_is_brought_to_the_models_device(
    tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray, probe: str, curvature: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.to("meta")
    monkeypatch.setattr(torch.Tensor, "any", lambda self, *rest: torch.tensor(True))  # gradients are zeros here
    question = Question(probe, (L1,), (L0, L1), "qkvo", curvature, 0)
    found = answer(model, question, BATCHES, lambda: iter([(np.arange(24), tiny_rows)]))
    every = [found.main, *found.probe_halves, found.other_labels]
    assert {p.device.type for one in every for p in one.values()} == {"cpu"}
    with Scorer(model, every, question.through) as scorer:
        assert scorer.rows(tiny_rows).shape == (4, 2, 24)
    with Scorer(model, [{}], question.through) as scorer:
        assert scorer.rows(tiny_rows).shape == (1, 2, 24)
    assert model_scores.held_out_scores(model, iter([tiny_rows])) == {"validation_loss": 0.0, "icl": 0.0}
    assert model_scores.induction_loss(model, BATCHES) == 0.0
