"""The story of a study in a few sentences: what it is, and which of its heads were born when."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mda.heads.geometry import Head
from mda.studies.study import Study
from mda.ui.frame.words import BORN_AS, listed, name_of, plain

MOST_TOLD = 3  # heads of one kind that a sentence names


def facts_line(study: Study) -> str:
    """`2 layers of 4 heads · 31 checkpoints up to step 3,000 · …`, safe for Markdown."""
    facts, sizes = study.facts, study.sizes
    parts = [
        f"{sizes.layers} layers of {sizes.heads} heads",
        f"{len(study.steps)} checkpoint{'s' * (len(study.steps) > 1)} up to step {study.steps[-1]:,}",
        f"{facts.trained:,} training rows of {facts.seq_len:,} tokens, {facts.batch_size:,} a step",
    ]
    if facts.kinds:
        parts.append(f"{len(facts.kinds)} kinds of text: {plain(listed(facts.kinds))}")
    return " · ".join(parts)


def born_by_score(born: pd.DataFrame) -> dict[str, list[Head]]:
    """The born heads of every score, highest final level first."""
    found: dict[str, list[Head]] = {}
    for line in born.sort_values("final", ascending=False).to_dict("records"):
        found.setdefault(line["score"], []).append(Head(int(line["layer"]), int(line["head"])))
    return found


def sentences(born: pd.DataFrame) -> list[str]:
    """One sentence per kind of born head, for Markdown; [] where none was born."""
    told = []
    for score in BORN_AS:
        lines = born[born["score"] == score].sort_values("final", ascending=False).to_dict("records")
        if not lines:
            continue
        named = [
            f"**{Head(int(line['layer']), int(line['head']))}** {_when(line['birth_step'])} "
            f"({name_of(score)} {line['final']:.2f} at the end)"
            for line in lines[:MOST_TOLD]
        ]
        more = f", and {len(lines) - MOST_TOLD} more" if len(lines) > MOST_TOLD else ""
        kind = f"{BORN_AS[score]}s" if len(lines) > 1 else BORN_AS[score]
        told.append(f"{kind[0].upper()}{kind[1:]}: {listed(named) if not more else ', '.join(named)}{more}.")
    return told


def _when(step: float) -> str:
    return f"born near step {round(step / 10) * 10:,}" if np.isfinite(step) else "there from the first checkpoints"
