"""The classifier on any text at all: shares that add up, counts that are right, and a time that stays bounded."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kind_samples import SAMPLES

from mda.kinds.classify import KINDS, kind_shares, main_kind
from mda.kinds.pieces import END_OF_DOCUMENT, pieces_of


@given(
    st.one_of(
        st.text(st.characters(), max_size=400),
        st.text('ab1 ,;|\t\n\r<>/="\\{}[]().$_^-*+:#@\x00é文א\ud800\U0001f389', max_size=300),
        st.lists(st.sampled_from([text[:90] for _, text in SAMPLES] + [END_OF_DOCUMENT, "\n"]), max_size=8).map(
            "".join
        ),
    )
)
@settings(max_examples=300, deadline=None)
def test_any_text_has_shares(text: str) -> None:
    shares = kind_shares(text)
    assert tuple(shares) == KINDS
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) >= 0
    assert shares[main_kind(text)] == max(shares.values())


@given(st.text("ab ,|\t\n1é文", max_size=200))
@settings(max_examples=200, deadline=None)
def test_pieces_are_counted_right(text: str) -> None:
    pieces = pieces_of(text)
    lines = [line for line in text.split("\n") if line.strip()]
    assert len(pieces.start) == len(lines)  # none is long enough to be cut
    assert pieces.visible.tolist() == [len("".join(line.split())) for line in lines]
    assert pieces.letters.tolist() == [sum(map(line.count, "abé文")) for line in lines]
    assert pieces.foreign.tolist() == [line.count("文") for line in lines]
    assert pieces.digits.tolist() == [line.count("1") for line in lines]
    assert pieces.pipes.tolist() == [line.count("|") for line in lines]
    assert pieces.tabs.tolist() == [line.count("\t") for line in lines]
    assert pieces.cells.tolist() == [len(line.split()) for line in lines]
    pipes = [line.count("|") for line in lines]
    near = [[pipes[other] for other in (i - 1, i + 1) if 0 <= other < len(lines)] for i in range(len(lines))]
    assert pieces.as_neighbour(pieces.pipes).tolist() == [
        there.count(here) for here, there in zip(pipes, near, strict=True)
    ]


BAIT = [
    "a", " ", "\t", "\x00", "<", "<a ", "<a b=", "[", "(", "{", '"', '"a', "'a' ", "a@", "@", "$a", "$", "\\",
    "\\a", "|", "-", "--", "| ", "=", "a=", "a.", "a:", "::", "a, ", "a,", "1", "1 ", "1+", "if ", "static ",
    "- ", "* ", "a_", "aB", "#", "# ", "&a", "a  ", "\u05d0", "\u6587", "\U0001f389", "\u202e", "\xe9",
    "\ud800", "x\n", "\n", " \n", "<a\n", "a = ", "2019-", "Z9", "${a}", "] ",
]  # fmt: skip


def seconds(call: Callable[[str], object], text: str) -> float:
    """Processor time of the fastest of three calls, which other work on the machine hardly changes."""
    times = []
    for _ in range(3):
        begun = time.process_time()
        call(text)
        times.append(time.process_time() - begun)
    return min(times)


def test_no_text_is_slow() -> None:
    """A line of 30,000 characters of bait takes no longer than a few times as much ordinary text."""
    size = 30_000
    ordinary = "".join(text for _, text in SAMPLES)
    usual = seconds(kind_shares, (ordinary * (size // len(ordinary) + 1))[:size])
    for bait in BAIT:
        begun = time.process_time()
        kind_shares(("x" + bait * size)[:size])
        assert time.process_time() - begun < 25 * usual, f"{bait!r}"


def test_time_grows_with_length_only() -> None:
    row = "".join(text for _, text in SAMPLES)[:4000]
    assert seconds(kind_shares, row * 16) < 40 * seconds(kind_shares, row)
