"""Kinds of text: natural samples, mixtures, what must not matter, and the page that explains the rules."""

from pathlib import Path

import numpy as np
import pytest
from kind_samples import PROSE, SAMPLES, C

from mda.kinds.classify import KINDS, kind_shares, main_kind
from mda.kinds.measures import MEASURES
from mda.kinds.patterns import PATTERNS
from mda.kinds.pieces import END_OF_DOCUMENT
from mda.kinds.rules import Measure, Pattern


@pytest.mark.parametrize(("kind", "text"), SAMPLES)
def test_natural_samples(kind: str, text: str) -> None:
    shares = kind_shares(text)
    assert tuple(shares) == KINDS
    assert main_kind(text) == kind
    assert shares[kind] > 0.75


def test_every_kind_has_a_sample_and_a_rule() -> None:
    assert {kind for kind, _ in SAMPLES} == set(KINDS)
    assert {rule.kind for rule in PATTERNS} | {rule.kind for rule in MEASURES} == set(KINDS)


@pytest.mark.parametrize(("kind", "text"), SAMPLES)
def test_a_row_that_begins_and_ends_anywhere(kind: str, text: str) -> None:
    """A third is cut off at either end, in the middle of lines and words."""
    third = len(text) // 3
    assert main_kind((text * 3)[third : len(text) * 2 + third]) == kind


@pytest.mark.parametrize("between", ["\n", f"\n{END_OF_DOCUMENT}", END_OF_DOCUMENT])
@pytest.mark.parametrize("first", ["prose", "code", "table"])
@pytest.mark.parametrize("second", ["markup", "latex", "other language"])
def test_shares_of_a_mixture(first: str, second: str, between: str) -> None:
    texts = dict(SAMPLES)
    one, other = texts[first] * 4, texts[second] * 4
    visible = [len("".join(part.split())) for part in (one, other)]
    shares = kind_shares(one + between + other)
    assert shares[first] == pytest.approx(visible[0] / sum(visible), abs=0.1)
    assert shares[second] == pytest.approx(visible[1] / sum(visible), abs=0.1)


def test_documents_do_not_lean_on_each_other() -> None:
    """Two documents with an end of document between have the shares of each, by visible characters."""
    one, other = PROSE[:300], "x = y\n"
    visible = [len("".join(part.split())) for part in (one, other)]
    alone = [np.array(list(kind_shares(part).values())) for part in (one, other)]
    together = np.array(list(kind_shares(one + END_OF_DOCUMENT + other).values()))
    np.testing.assert_allclose(together, np.average(alone, axis=0, weights=visible), atol=1e-12)
    assert kind_shares(one + "\n" + other) != pytest.approx(kind_shares(one + END_OF_DOCUMENT + other))


@pytest.mark.parametrize(("kind", "text"), SAMPLES)
def test_what_does_not_matter(kind: str, text: str) -> None:
    shares = kind_shares(text)
    assert kind_shares(text.replace("\n", "\r\n")) == shares
    assert kind_shares(text.replace("\n", "\r")) == shares
    assert kind_shares("\n\n \n" + text + "\n\t\n\n") == shares
    twice = kind_shares(text + END_OF_DOCUMENT + text)
    assert twice == pytest.approx(shares)
    joined = kind_shares(text + "\n" + text)
    assert max(abs(joined[each] - shares[each]) for each in KINDS) < 0.1


def test_a_comment_takes_its_side() -> None:
    """A line of prose among code is a comment, and a line of code in prose stays a word of it."""
    assert kind_shares(C + "// the crane must not be moved while this is held\n" + C)["code"] > 0.99
    assert kind_shares(PROSE + "x = 3\n" + PROSE)["prose"] > 0.99


@pytest.mark.parametrize("text", ["", " ", "\n" * 50, "\t \r\n", END_OF_DOCUMENT * 3, "\u3000\xa0"])
def test_nothing_visible_is_other(text: str) -> None:
    assert kind_shares(text) == {kind: float(kind == "other") for kind in KINDS}


def test_the_page_gives_every_rule() -> None:
    page = (Path(__file__).parents[2] / "docs" / "kinds.md").read_text(encoding="utf-8")
    given = [line for line in page.splitlines() if line.startswith("| ") and line.count("|") == 5]
    rules: tuple[Pattern | Measure, ...] = (*PATTERNS, *MEASURES)
    for rule in rules:
        points = f"{rule.points:g}"
        if isinstance(rule, Pattern) and rule.most > 1:
            points += f" each, {rule.points * rule.most:g} at most"
        assert f"| {rule.kind} | {rule.name} | {points} | {rule.why} |" in given
    assert len(given) == len(PATTERNS) + len(MEASURES) + 1  # and the heading
