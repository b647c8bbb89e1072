"""What scoring the heads at more checkpoints takes, told before it begins: bytes, and very roughly seconds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import streamlit as st

from mda.studies.study import Study
from mda.ui.frame.checkpoints import download_bytes
from mda.ui.words.plain import size_words

# Measured at the shapes of Pythia-14M and -70M with one thread: a held-out row takes 3.0 and 1.6 times what the
# products of its forward pass take at the speed of one large product; all synthetic sequences make 16 and 10 more.
_TIMES, _SYNTHETIC_ROWS = 2.3, 13


@dataclass(frozen=True)
class ScoringCost:
    """Checkpoints to score, those of them to download, their bytes (None: not known), and seconds of computing."""

    steps: list[int]
    missing: list[int]
    bytes_: int | None
    seconds: float

    @property
    def words(self) -> str:
        """`20 checkpoints to score, 18 of them to download (about 950 MB); roughly 14 min of computing here`"""
        from mda.workflows.pace import in_words

        count = "1 checkpoint" if len(self.steps) == 1 else f"{len(self.steps)} checkpoints"
        if not self.missing:
            brought = "on this machine"
        else:
            size = "of unknown size" if self.bytes_ is None else f"about {size_words(self.bytes_)}"
            some = f"{len(self.missing)} of them " if len(self.missing) < len(self.steps) else ""
            brought = f"{some}to download ({size})"
        return f"{count} to score, {brought}; roughly {in_words(self.seconds)} of computing here"


def scoring_cost(study: Study, steps: list[int]) -> ScoringCost:
    """The cost of scoring these steps."""
    missing = [step for step in steps if not study.source.here(step)]
    each = _seconds_each(study.name, study.manifest.identity, study)
    return ScoringCost(steps, missing, download_bytes(study, missing), each * len(steps))


@st.cache_data(max_entries=32, show_spinner=False)
def _seconds_each(name: str, identity: str, _study: Study) -> float:
    """Seconds of one checkpoint, from the speed of one large product here."""
    from mda.device import best_device
    from mda.workflows.pace import least_seconds

    facts = _study.facts
    config: Any = SimpleNamespace(**json.loads((_study.source.config_folder / "config.json").read_text()))
    forward = least_seconds(config, facts.seq_len, best_device()) / 2  # of a forward and a backward pass
    rows = _TIMES * (facts.held_out[1] - facts.held_out[0]) + _SYNTHETIC_ROWS
    return forward * rows
