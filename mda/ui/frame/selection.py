"""What every page is about: study, head, step and probe, chosen in the sidebar and held by the URL."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from mda.heads.geometry import Head
from mda.probes.probes import PROBES
from mda.studies.attributions import Attribution
from mda.studies.study import Study, list_studies
from mda.ui.frame.cached import attributions, head_table
from mda.ui.frame.checkpoints import here_of
from mda.ui.frame.choices import choose, choose_step
from mda.ui.words.plain import listed

PROBE_SCORES = {"previous_token": "previous_token"}
"""The head score that shows a probe's behaviour, where it is not prefix matching."""

_ABOUT_PROBES = " · ".join(f"{probe.name}: {probe.about}" for probe in PROBES.values())


_MOST_TOLD = 12  # checkpoints that a help text names


@dataclass(frozen=True)
class View:
    """What the pages show: a study, one of its heads, one of its checkpoints' steps, and a probe by name."""

    study: Study
    head: Head
    step: int
    probe: str

    @property
    def score(self) -> str:
        """The head score that shows the probe's behaviour."""
        return PROBE_SCORES.get(self.probe, "prefix_matching")


def choose_view() -> View | None:
    """The sidebar's four choices; None where there is no study. Call inside the sidebar."""
    names = list_studies()
    if not names:
        return None
    name = choose(
        "Study", names, "demo" if "demo" in names else names[0], "study", "study",
        help="One model lineage: its checkpoints and its training rows.",
    )  # fmt: skip
    study = Study.open(name)
    heads = [str(head) for head in study.sizes.all_heads()]
    first_head, first_probe = _begin_with(study)
    head = choose(
        "Head", heads, first_head, "head", "head",
        help="An attention head: layer and number, both from 0. A page begins with the strongest induction head, "
        "or one that an attribution asks about.",
    )  # fmt: skip
    step = _choose_step(study)
    probe = choose(
        "Probe", list(PROBES), first_probe, "probe", "probe",
        help="The behaviour that influence is about. " + _ABOUT_PROBES,
    )  # fmt: skip
    return View(study, Head.parse(head), step, probe)


def _choose_step(study: Study) -> int:
    """The step; where checkpoints are brought from elsewhere, which of them are on this machine."""
    about, here = "The checkpoint after so many optimizer steps.", here_of(study)
    if len(here) < len(study.steps):
        about += f" On this machine: {_here_words(here)}. The others are downloaded when you ask for it."
    marked = set(here) if len(here) < len(study.steps) else set()
    return choose_step(
        "Step", study.steps, about, lambda step: f"{step:,} · here" if step in marked else f"{step:,}"
    )


def _here_words(here: list[int]) -> str:
    """`none`, `0, 1, 2 and 4`, `24 of them`."""
    if len(here) > _MOST_TOLD:
        return f"{len(here)} of them"
    return listed([f"{step:,}" for step in here]) if here else "none"


def _begin_with(study: Study) -> tuple[str, str]:
    """Head and probe of a first visit: those of the attribution that the URL names, else of the newest about the
    likely head (with the default probe, if there is one), else of the newest; without any, the likely head."""
    likely, probe = likely_head(study, head_table(study.name)), next(iter(PROBES))
    known = attributions(study.name)
    if not known:
        return likely, probe

    def fit(one: Attribution) -> tuple[bool, bool, bool]:
        spec = one.manifest.spec
        return one.id == st.query_params.get("attribution"), likely in spec["heads"], spec["probe"] == probe

    asked = max(known, key=fit).manifest.spec  # of equals the first, which is the newest
    return likely if likely in asked["heads"] else asked["heads"][0], asked["probe"]


def put(**choices: str | int | None) -> None:
    """Choose something else from a page: `put(head="L1H0")`, None for no change.

    Only in a widget's callback, which runs before the widgets are made.
    """
    for key, value in choices.items():
        if value is not None:
            st.session_state[key] = value


def likely_head(study: Study, heads: pd.DataFrame) -> str:
    """The head to begin with: highest prefix matching at the last scored step; the first head before any score."""
    known = heads[heads["prefix_matching"].notna()]
    if known.empty:
        return str(study.sizes.all_heads()[0])
    last = known[known["step"] == known["step"].max()]
    best = last.sort_values("prefix_matching").iloc[-1]
    return str(Head(int(best["layer"]), int(best["head"])))
