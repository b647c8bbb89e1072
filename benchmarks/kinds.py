"""How often the kind of a text is told rightly.   python -m benchmarks.kinds [--half developed]

Texts of this machine, labelled by where they come from (`benchmarks.kinds_text`). A text is in one of two halves
by its name and a fixed seed; the rules were written with one half, and the other, the default here, was not looked
at. From every text a passage of 8,000 characters, about a row of 2,048 tokens, and one of 512, begun anywhere.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from benchmarks.kinds_text import SOURCES, Text, draw, labelled
from mda.kinds.classify import KINDS, kind_shares, main_kind

SIZES = (8000, 512)
_MIXED = 300  # pairs of passages put together


def passage(text: Text, size: int) -> str:
    """A passage of up to this many characters from anywhere in the text, always the same."""
    start = int(draw(f"place {size} {text.key}") * max(1, len(text.text) - size + 1))
    return text.text[start : start + size]


def told(texts: list[Text], size: int) -> pd.DataFrame:
    """kind, source, found kind of a passage of each text, its length and processor ms (fastest of three)."""
    lines = []
    for text in texts:
        taken = passage(text, size)
        times = []
        for _ in range(3):
            begun = time.process_time()
            found = main_kind(taken)
            times.append(1000 * (time.process_time() - begun))
        lines.append((text.kind, text.source, found, len(taken), min(times)))
    table = pd.DataFrame(lines, columns=["kind", "source", "found", "length", "ms"])
    table["right"] = table["kind"] == table["found"]
    return table


def interval(right: np.ndarray, totals: np.ndarray, weights: np.ndarray) -> str:
    """Weighted mean of the kinds' recalls in per cent, with its 95 % bootstrap interval over each kind's texts."""
    drawn = np.random.default_rng(0).binomial(totals, right / totals, (10_000, len(totals))) / totals
    low, high = np.quantile(drawn @ weights, [0.025, 0.975])
    return f"{100 * (right / totals) @ weights:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def show(table: pd.DataFrame, size: int) -> None:
    """Confusion, precision and recall of each kind, and the whole; the time is that of whole passages only."""
    kinds = [kind for kind in KINDS if (table["kind"] == kind).any()]
    confusion = pd.crosstab(table["kind"], table["found"]).reindex(index=kinds, columns=KINDS, fill_value=0)
    right = np.array([confusion.loc[kind, kind] for kind in kinds])
    totals = confusion.sum(axis=1).to_numpy()
    shown = confusion.assign(texts=totals, recall=(100 * right / totals).round(0).astype(int))
    shown["precision"] = (100 * right / confusion[kinds].sum().clip(lower=1).to_numpy()).round(0).astype(int)
    print(shown.to_string())
    equally = np.full(len(kinds), 1 / len(kinds))
    print(f"\ntold rightly: {interval(right, totals, totals / totals.sum())}", end="; ")
    print(f"mean of the kinds' recalls: {interval(right, totals, equally)}")
    found = table["source"].map({source.name: not source.made for source in SOURCES})
    print(f"of the {found.sum()} texts that were found, not made: {100 * table['right'][found].mean():.1f} %")
    times = table["ms"][table["length"] == size]
    print(f"processor time of one: median {times.median():.1f} ms, worst {times.max():.1f} ms\n")


def mixture_error(texts: list[Text]) -> float:
    """Mean error of the shares of rows that are made of half a row of one kind and half a row of another."""
    rng = np.random.default_rng(0)
    long = [text for text in texts if len(text.text) >= SIZES[0] // 2]
    errors: list[float] = []
    while len(errors) < _MIXED:
        one, other = (long[i] for i in rng.choice(len(long), 2, replace=False))
        if one.kind != other.kind:
            halves = [passage(text, SIZES[0] // 2) for text in (one, other)]
            visible = [len("".join(half.split())) for half in halves]
            shares = kind_shares("\n".join(halves))
            errors.append(abs(shares[one.kind] - visible[0] / sum(visible)))
    return float(np.mean(errors))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["held-out", "developed"], default="held-out")
    held_out = parser.parse_args().half == "held-out"
    texts = [text for text in labelled() if text.held_out == held_out]
    by_source = []
    for size in SIZES:
        table = told(texts, size)
        print(f"Passages of {size} characters: labelled kind (lines) and found kind (columns)\n")
        show(table, size)
        by_source.append(table.groupby(["kind", "source"])["right"].agg(["size", "mean"]))
    sources = by_source[0].rename(columns={"size": "texts", "mean": str(SIZES[0])})
    sources[str(SIZES[1])] = by_source[1]["mean"]
    sources = sources.reindex(pd.MultiIndex.from_tuples([(source.kind, source.name) for source in SOURCES]))
    print("Share told rightly, by source (NaN: none on this machine)\n")
    print(sources.assign(texts=sources["texts"].fillna(0).astype(int)).round(2).to_string())
    print(f"\nmean error of a kind's share in a row of two kinds: {mixture_error(texts):.3f}")
    for kind in KINDS:
        if not any(text.kind == kind for text in texts):
            print(f"no labelled text of the kind {kind!r} on this machine")


if __name__ == "__main__":
    main()
