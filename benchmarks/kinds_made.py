"""Text of kinds that few machines hold as files: made by rule for `benchmarks.kinds`, and counted as made.

Formulas, logs, aligned tables, lists and sums are written the way that common tools write them. The demo corpus's
documents are made text as well; its logs and its noise, which have no outward sign of being either, are left out.
"""

from __future__ import annotations

import base64
import random
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from mda.corpora.demo.kinds import GENERATORS
from mda.corpora.demo.vocabulary import ADJECTIVES, NOUNS, VERBS

COUNT = 40
"""Texts of each generator."""

_LENGTH = 12_000  # characters


def _lines(source: random.Random, line: Callable[[], str]) -> str:
    parts: list[str] = []
    length = 0
    while length < _LENGTH:
        parts.append(line())
        length += len(parts[-1]) + 1
    return "\n".join(parts)


def _words(source: random.Random, low: int, high: int) -> str:
    return " ".join(
        source.choice(source.choice((ADJECTIVES, NOUNS, VERBS))) for _ in range(source.randint(low, high))
    )


def formulas(source: random.Random) -> str:
    """Sums, fractions, roots, integrals and matrices as sympy prints them."""
    import sympy

    x, y, z, k, n = sympy.symbols("x y z k n")
    theta, sigma = sympy.symbols("theta sigma_0")
    atoms = [x, y, z, theta, sigma, sympy.sin(x), sympy.exp(y * z), sympy.sqrt(x + z), sympy.log(theta), k**n]

    def some() -> sympy.Expr:
        a, b, c = (source.choice(atoms) for _ in range(3))
        return source.choice([a + b / c, a * b - c, (a + source.randint(1, 9)) ** 2 / b, a / (b + c)])

    def line() -> str:
        shape = source.randrange(5)
        if shape == 0:
            body = sympy.latex(sympy.Integral(some(), (x, 0, sympy.oo)))
        elif shape == 1:
            body = sympy.latex(sympy.Sum(some(), (k, 1, n)))
        elif shape == 2:
            body = sympy.latex(sympy.Matrix(2, 2, [some() for _ in range(4)]))
        else:
            body = sympy.latex(sympy.Eq(some(), some()))
        return source.choice([f"\\[{body}\\]", f"${body}$", f"\\begin{{equation}}\n{body}\n\\end{{equation}}"])

    return _lines(source, line)


def logs(source: random.Random) -> str:
    """One program's log in one of six common formats, with now and then a stack trace."""
    now = datetime(2020, 1, 1) + timedelta(seconds=source.randrange(10**8))
    style = source.randrange(6)
    names = [source.choice(NOUNS) for _ in range(5)]

    def line() -> str:
        nonlocal now
        now += timedelta(seconds=source.expovariate(0.1))
        level = source.choices(["INFO", "DEBUG", "WARNING", "ERROR"], [6, 3, 1, 1])[0]
        name, text, number = source.choice(names), _words(source, 2, 8), source.randrange(10_000)
        if level == "ERROR" and style in (0, 1) and source.random() < 0.5:
            return f"{now:%Y-%m-%d %H:%M:%S},{number:03} {level} {name}: {text}\n{_trace(name)}"
        return [
            f"{now:%Y-%m-%d %H:%M:%S},{number % 1000:03} {level} {name}: {text} {number}",
            f"{now:%Y-%m-%dT%H:%M:%S}Z [{level.lower()}] {name}[{number}] {text}",
            f"{now:%b %d %H:%M:%S} {names[0]} {name}[{number}]: {text}",
            f'10.0.{number % 250}.7 - - [{now:%d/%b/%Y:%H:%M:%S} +0000] "GET /{name}/{number} HTTP/1.1" 200 9',
            f"[{now:%H:%M:%S}] [{name}/{level}] {text}",
            f"[{number:>6}.{number:06}] {name}: {text}",
        ][style]

    return _lines(source, line)


def _trace(name: str) -> str:
    try:
        dict[str, str]()[name]
    except KeyError:
        return traceback.format_exc()
    raise AssertionError


def tables(source: random.Random) -> str:
    """A frame of words and numbers as pandas prints it, as a table of pipes, or as lines of semicolons."""
    rng = np.random.default_rng(source.randrange(2**32))
    frame = pd.DataFrame({source.choice(NOUNS): [_words(source, 1, 2) for _ in range(200)]})
    for _ in range(source.randint(2, 5)):
        frame[source.choice(NOUNS)] = rng.normal(0, 10 ** rng.integers(0, 5), 200).round(3)
    style = source.randrange(3)
    if style == 0:
        return frame.to_string()
    if style == 1:
        return frame.to_csv(sep=";", index=False)
    head = "| " + " | ".join(map(str, frame.columns)) + " |\n|" + "---|" * len(frame.columns) + "\n"
    return head + "\n".join("| " + " | ".join(map(str, line)) + " |" for line in frame.itertuples(index=False))


def lists(source: random.Random) -> str:
    """Bullets, numbered points or bare entries, one to five words each."""
    style, number = source.randrange(4), 0

    def line() -> str:
        nonlocal number
        number += 1
        text = _words(source, 1, 7)
        return [f"- {text}", f"{number}. {text.capitalize()}", f"  * {text}", text.title()][style]

    return _lines(source, line)


def sums(source: random.Random) -> str:
    """Questions of arithmetic with answers, sequences of numbers, or arrays as numpy prints them."""
    style = source.randrange(4)
    rng = np.random.default_rng(source.randrange(2**32))

    def line() -> str:
        a, b, c = (source.randint(-(10**6), 10**6) for _ in range(3))
        if style == 0:
            return source.choice(
                [
                    f"What is {a} + {b}?\n{a + b}",
                    f"Calculate {a}*{b}.\n{a * b}",
                    f"Solve {a}*x + {b} = {c}*x for x.\n{b / ((c - a) or 1):.3f}",
                    f"{a}/{b} - {c} = {a / (b or 1) - c:.4f}",
                ]
            )
        if style == 1:
            return f"{a / 1000}"
        if style == 2:
            return ", ".join(str(source.randrange(1000)) for _ in range(source.randint(5, 40)))
        return str(rng.normal(size=(6, 5)))

    return _lines(source, line)


def opaque(source: random.Random) -> str:
    """Base64 or hexadecimal without meaning."""
    data = source.randbytes(_LENGTH)
    if source.random() < 0.5:
        text = base64.b64encode(data).decode()
        return "\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    text = data.hex()
    return "\n".join(text[i : i + 64] for i in range(0, len(text), 64))


MAKERS: dict[str, tuple[Callable[[random.Random], str], ...]] = {
    "latex": (formulas,),
    "log": (logs,),
    "table": (tables,),
    "list": (lists,),
    "numbers": (sums,),
    "other": (opaque,),
}


def texts(kind: str) -> Iterator[tuple[str, str]]:
    """(key, text) of each text made of this kind."""
    for maker in MAKERS[kind]:
        for number in range(COUNT):
            key = f"{maker.__name__} {number}"
            yield key, maker(random.Random(key))


DEMO = {"prose": "prose", "xml": "markup", "latex": "latex", "code": "code", "table": "table"}
"""The demo corpus's kinds that look like what they are called, and what they are called here."""


def demo(name: str) -> Iterator[tuple[str, str]]:
    """(key, text) of documents of the demo corpus of this kind, repetition from none to all."""
    for number in range(COUNT):
        key = f"demo {name} {number}"
        source = random.Random(key)
        yield key, "".join(GENERATORS[name](source, source.random(), 2000))
