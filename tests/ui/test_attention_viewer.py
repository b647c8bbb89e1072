"""What the viewer is sent: patterns come back from their bytes, texts show what they hold and nothing else."""

from __future__ import annotations

import base64
import json
import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mda.heads.geometry import Head
from mda.heads.sparse import ROUNDING
from mda.ui.attention import thumbnails
from mda.ui.attention.thumbnails import picture_bytes
from mda.ui.attention.viewer import LONGEST_TOKEN, STRONGEST, WHOLE, Frames, packed, pattern_bytes, token_text


def causal(size: int, seed: int) -> np.ndarray:
    """A random attention pattern with a few strong keys a query."""
    drawn = np.tril(np.random.default_rng(seed).random((size, size)) ** 12).astype(np.float32)
    return drawn / drawn.sum(1, keepdims=True)


def frames(size: int = 20, steps: int = 3) -> Frames:
    return Frames(
        head=Head(1, 2),
        ids=list(range(size)),
        tokens=[f" t{i}" for i in range(size)],
        steps=[100 * i for i in range(steps)],
        score="prefix matching",
        scores=[0.1 * i for i in range(steps)],
        patterns=[pattern_bytes(causal(size, i)) for i in range(steps)],
    )


def unpacked(data: dict, step: int) -> tuple[np.ndarray, np.ndarray]:
    """The pattern [T, T] and the shares [T] that a browser reads from what it was sent."""
    size, k = len(data["tokens"]), data["strongest"]
    found = np.zeros((size, size))
    length = size * (3 * k + 1) if k else size * (size + 1) // 2
    held = np.frombuffer(base64.b64decode(data["patterns"]), np.uint8)[step * length : (step + 1) * length]
    if not k:
        found[np.tril_indices(size)] = held / 255
        return found, np.ones(size)
    keys = held[: 2 * size * k].view("<u2").reshape(size, k)
    weights = held[2 * size * k : 3 * size * k].reshape(size, k) / 255
    np.maximum.at(found, (np.arange(size)[:, None], keys), weights)
    return found, held[3 * size * k :] / 255


@pytest.mark.parametrize("size", [1, 2, 33, WHOLE])
def test_short_patterns_come_back_whole(size: int) -> None:
    data = packed(frames(size), 0, "", 400)
    for step in range(3):
        found, _ = unpacked(data, step)
        assert np.abs(found - causal(size, step)).max() <= ROUNDING + 1e-6


@pytest.mark.parametrize("size", [WHOLE + 1, 700])
def test_of_long_patterns_the_strongest_keys_come_back(size: int) -> None:
    data = packed(frames(size), 0, "", 400)
    assert len(base64.b64decode(data["patterns"])) == 3 * size * 25
    for step in range(3):
        found, share = unpacked(data, step)
        pattern = causal(size, step)
        border = np.sort(pattern, axis=1)[:, -STRONGEST]
        strong = (pattern >= border[:, None]) & (pattern > 0)
        assert np.abs(found - np.where(strong, pattern, 0)).max() <= ROUNDING + 1e-6
        assert np.abs(share - np.where(strong, pattern, 0).sum(1)).max() <= ROUNDING + 1e-6


def test_more_tokens_than_two_bytes_can_number_are_refused() -> None:
    with pytest.raises(ValueError, match="65536"):
        pattern_bytes(np.zeros((1 << 16, 1), np.float32))


def test_the_digest_tells_what_changed() -> None:
    base = packed(frames(), 0, "", 400)
    assert packed(frames(), 0, "", 400) == base
    assert packed(frames(), 2, "other", 400)["digest"] == base["digest"]
    tokens = [" other", *frames().tokens[1:]]
    for other in (
        replace(frames(), head=Head(0, 2)),
        replace(frames(), scores=[0.5, 0.5, 0.5]),
        replace(frames(), patterns=frames().patterns[::-1]),
        replace(frames(), copies=(1, 5)),
        replace(frames(), tokens=tokens),
    ):
        assert packed(other, 0, "", 400)["digest"] != base["digest"]
        assert (packed(other, 0, "", 400)["sequence"] != base["sequence"]) == (other.tokens == tokens)


def test_scores_that_are_not_known_are_sent_as_nothing() -> None:
    data = packed(replace(frames(), scores=[float("nan"), 0.123456, float("inf")]), 0, "", 400)
    assert data["scores"] == [None, 0.1235, None]
    json.dumps(data, allow_nan=False)


@given(st.text(max_size=40))
def test_nothing_is_shown_that_cannot_be_seen(text: str) -> None:
    shown = token_text(text)
    assert shown
    for sign in shown.replace("↵\n", ""):
        assert sign in "\u200c\u200d" or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    assert shown.count("\n") == text.count("\n")


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=LONGEST_TOKEN))
def test_what_can_be_seen_is_left_as_it_is(text: str) -> None:
    assert token_text(text) == text


def test_tricks_are_named_and_long_tokens_cut() -> None:
    assert token_text("\u202eabc\u200b") == "⟨U+202E⟩abc⟨U+200B⟩"
    assert token_text("\n    ") == "↵\n    "
    assert token_text("\t\r\x00") == "⇥␍␀"
    assert token_text("") == "∅"
    assert token_text("<script>alert(1)</script>") == "<script>alert(1)</script>"  # a text node in the browser
    assert token_text("x" * 10_000) == "x" * LONGEST_TOKEN + "… (9,800 more characters)"


def test_every_picture_is_brightened_to_its_own_strongest_place() -> None:
    small = np.random.default_rng(0).random((2, 3, 5, 5)).astype(np.float32) * 0.01
    small[1, 2] = 0
    pictures = picture_bytes(small)
    assert pictures.dtype == np.uint8
    assert pictures.max((2, 3)).tolist() == [[255, 255, 255], [255, 255, 0]]
    assert np.array_equal(picture_bytes(small * 7), pictures)


def test_pictures_are_sent_head_by_head_with_names_and_scores() -> None:
    pictures = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 2, 2)
    data = thumbnails.packed(pictures, "prefix matching", {Head(1, 0): 0.66}, Head(1, 2), 400)
    assert [head["name"] for head in data["heads"]] == ["L0H0", "L0H1", "L0H2", "L1H0", "L1H1", "L1H2"]
    assert [head["score"] for head in data["heads"]] == [None, None, None, 0.66, None, None]
    assert list(base64.b64decode(data["pictures"])) == list(range(24))
    assert data["selected"] == "L1H2"
    json.dumps(data, allow_nan=False)
