"""Time of the repeated spans of one row of 2,048 tokens.   python -m benchmarks.spans [--rows 50]

Rows like text (vocabulary 50304) and rows that repeat in every way that makes a search for repeats slow. Every row
is asked about three times and its fastest time taken; printed are the median and the worst of the rows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from mda.span_search import longest_repeats
from mda.spans import repeated_shares, repeated_spans

SIZE = 2048
VOCABULARY = 50304
ASKED: dict[str, Callable[[np.ndarray], object]] = {
    "repeated_spans": repeated_spans,
    "repeated_shares": lambda row: repeated_shares(row[None]),
    "longest_repeats": lambda row: longest_repeats(row[None]),
}


def text_like(rng: np.random.Generator) -> np.ndarray:
    """Tokens by Zipf's law."""
    weights = 1 / (np.arange(VOCABULARY) + 3)
    return rng.choice(VOCABULARY, SIZE, p=weights / weights.sum())


def phrases(rng: np.random.Generator) -> np.ndarray:
    """Some fifty phrases of 2 to 30 tokens, which come back in any order."""
    known = [text_like(rng)[: rng.integers(2, 31)] for _ in range(50)]
    return np.concatenate([known[i] for i in rng.integers(0, 50, SIZE)])[:SIZE]


def records(rng: np.random.Generator) -> np.ndarray:
    """A template of 20 to 60 tokens over and over, a fifth of it filled in anew each time (XML, tables, logs)."""
    template = text_like(rng)[: rng.integers(20, 61)]
    row = np.resize(template, SIZE)
    filled = np.resize(rng.random(len(template)) < 0.2, SIZE)
    return np.where(filled, text_like(rng), row)


def every_length(rng: np.random.Generator) -> np.ndarray:
    """One pair of spans of each length from 3 to 44: as many lengths as a row holds."""
    runs = [rng.integers(0, VOCABULARY, length) for length in range(3, 45)]
    order = rng.permutation(np.repeat(np.arange(len(runs)), 2))
    return np.concatenate([*(runs[i] for i in order), rng.integers(0, VOCABULARY, SIZE)])[:SIZE]


def copied_pieces(rng: np.random.Generator) -> np.ndarray:
    """Sixteen tokens at random, with 180 pieces of 2 to 39 copied to other places: many lengths, much to sort."""
    row = rng.integers(0, 16, SIZE)
    for _ in range(180):
        length = rng.integers(2, 40)
        here, there = rng.integers(0, SIZE - length, 2)
        row[there : there + length] = row[here : here + length]
    return row


def fibonacci(rng: np.random.Generator) -> np.ndarray:
    """A Fibonacci string of two tokens."""
    short, long = rng.choice(VOCABULARY, (2, 1), replace=False)
    while len(long) < SIZE:
        short, long = long, np.concatenate([long, short])
    return long[:SIZE]


def two_copies(rng: np.random.Generator) -> np.ndarray:
    """Random tokens twice."""
    return np.tile(rng.integers(0, VOCABULARY, SIZE // 2), 2)


def periodic(period: int) -> Callable[[np.random.Generator], np.ndarray]:
    """Rows of this period."""
    return lambda rng: np.resize(rng.integers(0, VOCABULARY, period), SIZE)


def uniform(vocabulary: int) -> Callable[[np.random.Generator], np.ndarray]:
    """Tokens at random."""
    return lambda rng: rng.integers(0, vocabulary, SIZE)


KINDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "Zipf's law": text_like,
    "phrases": phrases,
    "records": records,
    "random, 50304 tokens": uniform(VOCABULARY),
    "random, 256 tokens": uniform(256),
    "random, 2 tokens": uniform(2),
    "every length once": every_length,
    "copied pieces": copied_pieces,
    "two copies of 1,024": two_copies,
    "all equal": periodic(1),
    "period 7": periodic(7),
    "period 100": periodic(100),
    "Fibonacci": fibonacci,
}


def fastest(ask: Callable[[np.ndarray], object], row: np.ndarray, repeats: int = 3) -> float:
    """Processor milliseconds of the fastest of a few calls, which other work on the machine hardly changes."""
    times = []
    for _ in range(repeats):
        begun = time.process_time()
        ask(row)
        times.append(1000 * (time.process_time() - begun))
    return min(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50)
    count = parser.parse_args().rows
    rng = np.random.default_rng(0)
    lines = []
    for kind, make in KINDS.items():
        rows = [make(rng).astype(np.uint16) for _ in range(count)]
        line: dict[str, object] = {
            "row": kind,
            "spans found": int(np.median([len(repeated_spans(r)) for r in rows])),
        }
        for name, ask in ASKED.items():
            times = [fastest(ask, row) for row in rows]
            line[name] = f"{np.median(times):.2f} ({max(times):.2f})"
        lines.append(line)
    print(f"{count} rows of {SIZE} tokens each: median (worst) processor ms a row")
    print(pd.DataFrame(lines).to_string(index=False))


if __name__ == "__main__":
    main()
