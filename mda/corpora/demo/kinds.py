"""One small generator for each kind of document of the demo corpus.

A generator takes a random source, the document's repetition `r` in [0, 1] and a length, and returns at least
that many tokens. Names enter only through `Name`: each time a name is due again it is the same run of name
tokens with probability r, otherwise a fresh one. So a document of any kind may repeat everything (r = 1) or
nothing (r = 0), and kind and repetition are separate facts.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

from mda.corpora.demo.vocabulary import (
    ADJECTIVES,
    ADVERBS,
    CONNECTIVES,
    DETERMINERS,
    INDENT,
    LOG_WORDS,
    NAMES,
    NOUNS,
    PREPOSITIONS,
    VERBS,
)

Generator = Callable[[random.Random, float, int], list[str]]


class Name:
    """A name that a document uses several times: the same tokens with probability r, else fresh ones.

    Its length is geometric with the given mean, so that where it ends cannot be told by counting: if it could,
    a head that looks one token back would be useful for that alone, and such a head in the last layer, where
    no induction head can build on it, was seen to keep induction heads from forming for thousands of steps.
    """

    def __init__(self, source: random.Random, mean: float, r: float) -> None:
        self.source, self.r = source, r
        self.tokens = self._fresh(_geometric(source, mean))

    def _fresh(self, length: int) -> list[str]:
        return self.source.choices(NAMES, k=length)

    def __call__(self) -> list[str]:
        return self.tokens if self.source.random() < self.r else self._fresh(len(self.tokens))


def _geometric(source: random.Random, mean: float) -> int:
    """1, 2, … with this mean, cut off at four times the mean."""
    length = 1
    while source.random() < 1 - 1 / mean and length < 4 * mean:
        length += 1
    return length


# Which class of word may follow which: first-order, as bigrams are what a small model learns before it copies.
_FOLLOWERS = {
    DETERMINERS: ADJECTIVES + NOUNS,
    ADJECTIVES: NOUNS,
    NOUNS: VERBS + PREPOSITIONS + ADVERBS + CONNECTIVES,
    VERBS: DETERMINERS + PREPOSITIONS + ADVERBS,
    PREPOSITIONS: DETERMINERS,
    ADVERBS: PREPOSITIONS + CONNECTIVES,
    CONNECTIVES: DETERMINERS,
}
_MAY_END = frozenset(NOUNS + ADVERBS)
_FAVOURITES = 6


@cache
def _favourites() -> dict[str, list[str]]:
    """The few words that like to follow each word; the same in every corpus, whatever its seed."""
    source = random.Random(0)
    return {word: source.choices(after, k=_FAVOURITES) for words, after in _FOLLOWERS.items() for word in words}


@cache
def _zipf(count: int) -> tuple[float, ...]:
    return tuple(1 / (rank + 3) for rank in range(count))


def _word(source: random.Random, words: tuple[str, ...]) -> str:
    return " " + source.choices(words, _zipf(len(words)))[0]


def _sentence(source: random.Random, names: list[Name]) -> list[str]:
    """Words that follow each other by favour; where a noun phrase begins, a name may stand for it."""
    word = source.choice(DETERMINERS)
    sentence: list[str] = []
    while True:
        if word in DETERMINERS and source.random() < 0.5:
            sentence += [" ", *source.choice(names)()]
            word = source.choice(VERBS)
        else:
            sentence.append(f" {word}")
            if word in _MAY_END and source.random() < 0.25:
                return [*sentence, "."]
            word = source.choice(_favourites()[word])


def _phrase(source: random.Random, words: tuple[str, ...]) -> list[str]:
    """One word or a few: a field's value, a message."""
    return [_word(source, words) for _ in range(_geometric(source, 1.7))]


def prose(source: random.Random, r: float, length: int) -> list[str]:
    """Sentences about two or three people and places; the more it repeats, the more often one comes back."""
    names = [Name(source, 3, r) for _ in range(source.randint(2, 3))]
    sentences: list[list[str]] = []
    while sum(map(len, sentences)) < length:
        again = bool(sentences) and source.random() < r / 3
        sentences.append(source.choice(sentences) if again else _sentence(source, names))
    return [token for sentence in sentences for token in sentence]


def noise(source: random.Random, r: float, length: int) -> list[str]:
    """Names and words in no order, with chunks that come back."""
    chunks = [Name(source, 7, r) for _ in range(source.randint(1, 2))]
    document: list[str] = []
    while len(document) < length:
        document += [*source.choice(chunks)(), *_phrase(source, NOUNS)]
    return document


def xml(source: random.Random, r: float, length: int) -> list[str]:
    """Records with the same few fields; a closing tag is written with probability r, else left out."""
    tag = Name(source, 2.5, r)
    fields = [Name(source, 2.5, r) for _ in range(source.randint(2, 3))]

    def closing(name: Name) -> list[str]:
        return ["</", *name(), ">"] if source.random() < r else []

    document: list[str] = []
    while len(document) < length:
        document += ["<", *tag(), ">"]
        for field in fields:
            document += ["<", *field(), ">", *_phrase(source, NOUNS), *closing(field)]
        document += [*closing(tag), "\n"]
    return document


def latex(source: random.Random, r: float, length: int) -> list[str]:
    """An aligned block of equations between a few named quantities."""
    names = [Name(source, 3, r) for _ in range(3)]
    document = ["\\begin", "{", *names[0](), "}", "\n"]
    while len(document) < length:
        document += [*source.choice(names)(), "&", "=", *source.choice(names)(), source.choice("+-")]
        document += [*source.choice(names)(), "\\\\", "\n"]
    return document


def code(source: random.Random, r: float, length: int) -> list[str]:
    """Short functions that assign and call each other's names."""
    names = [Name(source, 2.5, r) for _ in range(3)]
    document: list[str] = []
    while len(document) < length:
        document += ["def", " ", *source.choice(names)(), "(", *source.choice(names)(), ")", ":"]
        for _ in range(source.randint(1, 4)):
            document += [INDENT, *source.choice(names)(), "=", *source.choice(names)()]
            document += ["(", *source.choice(names)(), ")"]
        document += [INDENT, "return", " ", *source.choice(names)(), "\n"]
    return document


def log(source: random.Random, r: float, length: int) -> list[str]:
    """Lines of a level, one long-named service and a message."""
    service = Name(source, 5, r)
    document: list[str] = []
    while len(document) < length:
        document += [source.choice("0123456789"), "[", *service(), "]", *_phrase(source, LOG_WORDS + NOUNS), "\n"]
    return document


def table(source: random.Random, r: float, length: int) -> list[str]:
    """Lines of cells under one long composite key."""
    key = Name(source, 10, r)
    document: list[str] = []
    while len(document) < length:
        document += ["|", *key(), "|", *_phrase(source, NOUNS), "\n"]
    return document


GENERATORS: dict[str, Generator] = {
    "prose": prose,
    "noise": noise,
    "xml": xml,
    "latex": latex,
    "code": code,
    "log": log,
    "table": table,
}
