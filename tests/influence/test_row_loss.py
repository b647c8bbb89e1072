"""Losses of one row: against the model's own, in chunks of any size, and split by what copying could predict."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import GPTNeoXForCausalLM

from mda.heads import model_scores
from mda.influence.row_loss import copied_targets, mean_losses, row_losses


@pytest.mark.parametrize("chunk", [1, 30, 2**24])
def test_losses_are_the_models_own(
    tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_scores, "CHUNK_LOGITS", chunk)
    for row in tiny_rows[:3].astype(np.uint16):
        found, ids = row_losses(tiny, row), torch.from_numpy(row.astype(np.int64))[None]
        assert found.dtype == np.float32
        own = torch.nn.functional.cross_entropy(tiny(ids[:, :-1]).logits[0], ids[0, 1:], reduction="none")
        torch.testing.assert_close(torch.from_numpy(found), own)


def test_copying_predicts_what_follows_a_repeat_but_not_its_first_token() -> None:
    row = np.array([1, 2, 3, 4, 9, 1, 2, 3, 4, 8, 7])
    assert copied_targets(row).tolist() == [False] * 5 + [True, True, True] + [False] * 2
    assert not copied_targets(np.arange(12)).any()
    assert copied_targets(np.zeros(6, dtype=int)).tolist() == [False, True, True, True, True]


def test_means_are_split_without_loss() -> None:
    rng = np.random.default_rng(0)
    losses, copied = rng.random(50).astype(np.float32), rng.random(50) < 0.3
    found = mean_losses(losses, copied)
    n = copied.sum()
    assert found.all == pytest.approx((n * found.copied + (50 - n) * found.other) / 50)
    assert found.copied == pytest.approx(losses[copied].mean(), rel=1e-6)
    assert np.isnan(mean_losses(losses, np.zeros(50, dtype=bool)).copied)
