"""Births of heads with known histories, and rank agreement."""

import numpy as np
import pandas as pd
import pytest

from mda.evidence.births import births
from mda.evidence.reliability import spearman


def test_births_are_where_they_were_planted() -> None:
    steps = np.arange(0, 2001, 50)

    def rise(birth: float, height: float) -> np.ndarray:
        return height / (1 + np.exp(-(steps - birth) / 40))

    frames = [
        pd.DataFrame({"step": steps, "layer": layer, "head": head, "prefix_matching": pm, "previous_token": pt})
        for layer, head, pm, pt in [
            (1, 3, rise(1200, 0.6), rise(300, 0.05)),  # an induction head
            (0, 1, rise(100, 0.01), rise(900, 0.97)),  # a previous-token head
            (
                0,
                0,
                np.full(len(steps), 0.3),
                np.full(len(steps), np.nan),
            ),  # there from the start; one score unknown
        ]
    ]
    table = births(pd.concat(frames).sample(frac=1, random_state=0))
    assert table.columns.tolist() == ["layer", "head", "score", "final", "birth_step"]
    assert table[["layer", "head", "score"]].values.tolist() == [
        [0, 0, "prefix_matching"],
        [0, 1, "previous_token"],
        [1, 3, "prefix_matching"],
    ]
    assert np.isnan(table["birth_step"][0])
    assert table["birth_step"][1:].tolist() == pytest.approx([900, 1200], abs=2)
    assert table["final"].tolist() == pytest.approx([0.3, 0.97, 0.6], abs=1e-6)


def test_no_head_is_born() -> None:
    scores = pd.DataFrame({"step": [0, 1], "layer": 0, "head": 0, "duplicate_token": [0.01, 0.02]})
    table = births(scores)
    assert table.empty
    assert table.columns.tolist() == ["layer", "head", "score", "final", "birth_step"]


def test_spearman() -> None:
    a = np.array([1.0, 2.0, 3.0, 4.0])
    assert spearman(a, np.exp(a)) == pytest.approx(1)
    assert spearman(a, -(a**3)) == pytest.approx(-1)
    # no ties: 1 - 6 sum d^2 / n (n^2 - 1)
    assert spearman(a, np.array([2.0, 1.0, 4.0, 3.0])) == pytest.approx(1 - 6 * 4 / 60)
    for undefined in (np.ones(4), np.array([1, 2, np.nan, 3])):
        assert np.isnan(spearman(a, undefined))
    assert np.isnan(spearman(a[:1], a[:1]))
    with pytest.raises(ValueError, match="same rows"):
        spearman(a, a[:2])
