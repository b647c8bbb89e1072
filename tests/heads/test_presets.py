"""The field's other settings of the same scores: several copies, one fixed period."""

from __future__ import annotations

import pytest
import torch

from mda.heads.scores import duplicate_token, prefix_matching
from mda.heads.sequences import repeated_batches
from mda.workflows.head_scores import PRESETS


@pytest.mark.parametrize("copies", [2, 3, 4])
def test_attention_to_any_earlier_copy_counts_in_full(copies: int) -> None:
    """A head that spreads its attention over what followed all earlier occurrences is a perfect induction head."""
    (batch,) = repeated_batches(range(1, 50), 0, (7,), 3, 0, copies)
    assert batch.tokens.shape == (3, 1 + 7 * copies)
    pattern = torch.zeros(3, 1, batch.length, batch.length)
    for t in batch.repeats.tolist():
        earlier = [s for s in range(1, t) if batch.tokens[0, s] == batch.tokens[0, t]]
        for s in earlier:
            pattern[:, 0, t, s + 1] = 1 / len(earlier)
    assert prefix_matching(pattern, batch).item() == pytest.approx(1.0)
    assert duplicate_token(pattern, batch).item() == 0.0


def test_the_preset_of_transformer_lens_is_the_mean_of_its_diagonal() -> None:
    """Main_Demo of TransformerLens: pattern.diagonal(offset=1 - L), here without the start token's row."""
    period, copies = PRESETS["transformer-lens"] or (0, 0)
    (batch,) = repeated_batches(range(1, 80), 0, (period,), 4, 0, copies)
    pattern = torch.rand(4, 2, batch.length, batch.length).tril().softmax(-1)
    diagonal = pattern.diagonal(offset=1 - period, dim1=-2, dim2=-1)[..., 2:]  # queries of the second copy
    torch.testing.assert_close(prefix_matching(pattern, batch), diagonal.mean(dim=(0, 2)))
