"""The demo corpus: the same rows whoever asks, text that survives its tokenizer, kind and repetition apart."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, spearmanr

from mda.corpora.demo.generate import (
    FULLY_REPETITIVE,
    KINDS,
    SEQ_LEN,
    SHARE_OF_KIND,
    demo_row,
    demo_rows,
)
from mda.corpora.demo.kinds import GENERATORS
from mda.corpora.demo.vocabulary import END_OF_TEXT, ID, NAME_IDS, NAMES, TOKENS, demo_tokenizer
from mda.spans import repeated_shares

STRUCTURED = [kind for kind in KINDS if kind not in ("prose", "noise")]
COUNT = 6000


@pytest.fixture(scope="module")
def corpus() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Token ids, kinds, dials and measured shares of repeated spans of 6000 rows."""
    tokens, kinds, dials = demo_rows(0, 0, COUNT)
    return tokens, kinds, dials, repeated_shares(tokens)


def test_vocabulary() -> None:
    assert len(TOKENS) == len(ID) == 256  # all different
    assert ID[END_OF_TEXT] == 0
    assert [TOKENS[i] for i in NAME_IDS] == list(NAMES)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), start=st.integers(0, 2**40), count=st.integers(1, 8))
def test_a_row_is_the_same_alone_and_in_any_range(seed: int, start: int, count: int) -> None:
    tokens, kinds, dials = demo_rows(seed, start, start + count)
    for i in range(count):
        row = demo_row(seed, start + i)
        assert [ID[token] for token in row.tokens] == tokens[i].tolist()
        assert row.kind == KINDS[kinds[i]]
        assert np.float32(row.repetition) == dials[i]


def test_seeds_give_other_rows() -> None:
    assert not np.array_equal(demo_rows(0, 0, 4)[0], demo_rows(1, 0, 4)[0])


def test_global_random_state_is_left_alone() -> None:
    random.seed(5)
    state = random.getstate()
    demo_row(0, 0)
    assert random.getstate() == state


def test_shapes_and_ids(corpus: tuple[np.ndarray, ...]) -> None:
    tokens, kinds, dials, _ = corpus
    assert tokens.shape == (COUNT, SEQ_LEN + 1)
    assert (tokens.dtype, kinds.dtype, dials.dtype) == (np.uint16, np.uint8, np.float32)
    assert tokens.max() < 256
    assert (tokens[:, 0] == 0).all()
    assert (tokens[:, 1:] != 0).all()  # one document a row
    assert 0 <= dials.min() <= dials.max() == 1
    assert len(np.unique(tokens, axis=0)) == COUNT


def test_text_survives_the_tokenizer() -> None:
    tokenizer = demo_tokenizer()
    tokens, kinds, _ = demo_rows(3, 0, 300)
    assert set(kinds) == set(range(len(KINDS)))
    for row in tokens.tolist():
        text = tokenizer.decode(row)
        assert text == "".join(TOKENS[i] for i in row)
        assert tokenizer.encode(text) == row


def test_text_outside_the_vocabulary_becomes_end_of_text() -> None:
    tokenizer = demo_tokenizer()
    assert tokenizer.encode("BariEnoxé the zebra") == [ID["Bari"], 0, 0, ID[" the"], 0]
    assert tokenizer.encode("") == []


def test_every_kind_has_its_share(corpus: tuple[np.ndarray, ...]) -> None:
    assert sum(SHARE_OF_KIND.values()) == pytest.approx(1.0)
    counts = np.bincount(corpus[1], minlength=len(KINDS))
    for kind, count in zip(KINDS, counts, strict=True):
        share = SHARE_OF_KIND[kind]
        assert abs(count - COUNT * share) < 4 * np.sqrt(COUNT * share * (1 - share)), kind


@pytest.mark.parametrize("kind", KINDS)
def test_repetition_spans_the_range_within_every_kind(corpus: tuple[np.ndarray, ...], kind: str) -> None:
    _, kinds, all_dials, all_shares = corpus
    dials, shares = all_dials[kinds == KINDS.index(kind)], all_shares[kinds == KINDS.index(kind)]
    # the dial: full as often as it should be, else uniform in [0, 1]
    assert abs((dials == 1).mean() - FULLY_REPETITIVE[kind]) < 0.08
    rest = dials[dials < 1]
    assert ks_2samp(rest, np.linspace(0, 1, 1000)).pvalue > 1e-3
    # what is measured follows it, from little to much; sentences leave less room for names than structure does
    low, high = shares[dials < 0.15].mean(), shares[dials == 1].mean()
    assert low < 0.35
    assert high > (0.25 if kind == "prose" else 0.6)
    assert high - low > (0.2 if kind == "prose" else 0.35)
    assert spearmanr(dials[dials < 1], shares[dials < 1]).statistic > 0.75
    tenths = np.histogram(shares, bins=np.linspace(low, high, 6))[0]
    assert (tenths > 0.01 * len(shares)).all()  # and no gap between


def test_kind_says_nothing_about_the_dial_among_structured_kinds(corpus: tuple[np.ndarray, ...]) -> None:
    _, kinds, dials, _ = corpus
    groups = {kind: dials[kinds == KINDS.index(kind)] for kind in STRUCTURED}
    everyone = np.concatenate(list(groups.values()))
    between = sum(len(g) * (g.mean() - everyone.mean()) ** 2 for g in groups.values())
    assert between / ((everyone - everyone.mean()) ** 2).sum() < 0.005  # of the variance
    for kind, group in groups.items():
        others = np.concatenate([other for name, other in groups.items() if name != kind])
        assert ks_2samp(group, others).pvalue > 1e-3, kind


def mean_share(kind: str, r: float) -> float:
    """Mean share of repeated spans of 40 documents of a kind at one dial."""
    documents = [GENERATORS[kind](random.Random(i), r, SEQ_LEN)[:SEQ_LEN] for i in range(40)]
    return float(repeated_shares(np.array([[ID[token] for token in d] for d in documents])).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_the_dial_alone_moves_the_repetition_of_a_kind(kind: str) -> None:
    shares = [mean_share(kind, r) for r in (0.0, 0.3, 0.6, 1.0)]
    assert (np.diff(shares) > -0.03).all()  # closing tags that stay short repeat a little at low dials
    assert shares[-1] - shares[0] > (0.2 if kind == "prose" else 0.35)


@pytest.mark.parametrize("kind", KINDS)
def test_generators_give_enough_tokens_of_the_vocabulary(kind: str) -> None:
    for length in (1, 50, 300):
        document = GENERATORS[kind](random.Random(length), 0.5, length)
        assert len(document) >= length
        assert set(document) <= set(TOKENS) - {END_OF_TEXT}
