"""What the page of influence shows of an attribution, kept in memory by the attribution's identity."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from mda.evidence.enrichment import enrichment
from mda.evidence.influence_by_step import influence_by_step
from mda.interventions.controls import Control, matched_kind, matched_repetition, random_control
from mda.span_search import longest_repeats
from mda.studies.attributions import Attribution
from mda.studies.study import Study
from mda.ui.frame.cached import scores
from mda.ui.influence.query import end_size, ranked

TOP, BOTTOM, RANDOM = "top", "bottom", "random"
SAME_KINDS, SAME_REPETITION = "same kinds", "same repetition"
LONGEST_REPEAT, TRAINING_STEP = "longest repeat", "training step"

_MOST_ROWS = 24_000  # compared with each other: more would narrow intervals that are narrow already
_MOST_TOP = 2_500  # matching by repetition takes a time that grows with the square of these
_FEWEST_OF_END = 250
_MOST_TOKENS = 4_000_000  # looked through for the longest repeats: half a second


def ranking(attribution: Attribution) -> pd.DataFrame:
    """All scored rows from the highest score down, as `query.ranked`, without steps where the study's rows have no
    training order; shared, so do not write into it."""
    return _ranking(attribution.study, attribution.manifest.identity, attribution)


def told_scores(attribution: Attribution) -> pd.DataFrame:
    """The table `cached.scores`, without steps where the study's rows have no training order; shared."""
    table = scores(attribution)
    return table if Study.open(attribution.study).facts.in_order else table.drop(columns="step", errors="ignore")


def composition(study: Study, attribution: Attribution, share: float) -> pd.DataFrame:
    """What the two ends are made of beside controls of the top: columns as `evidence.enrichment.enrichment`.

    The groups are TOP, BOTTOM, RANDOM, SAME_KINDS (where rows have kinds) and SAME_REPETITION (and of the same
    kinds, where there are any), with further measures LONGEST_REPEAT in tokens (where all the rows are on this
    machine) and TRAINING_STEP (where rows have one). Controls are drawn from the rows that are not of the top and
    from any step, so that the step can differ. A large attribution is represented by a random sample of its rows.
    Raises UserError for fewer than two rows.
    """
    return _composition(study.name, attribution.manifest.identity, share, study, attribution)


def by_step(attribution: Attribution) -> pd.DataFrame:
    """Influence of each stretch of training steps: columns as `evidence.influence_by_step.influence_by_step`."""
    return _by_step(attribution.study, attribution.manifest.identity, attribution)


def by_head(attribution: Attribution, share: float) -> pd.DataFrame:
    """What runs through each head's parameters: columns head, and sums of the top's and the bottom's scores."""
    return _by_head(attribution.study, attribution.manifest.identity, share, attribution)


@st.cache_resource(max_entries=4, show_spinner=False)
def _ranking(study: str, identity: str, _attribution: Attribution) -> pd.DataFrame:
    return ranked(told_scores(_attribution))


@st.cache_data(max_entries=64, show_spinner=False)
def _composition(name: str, identity: str, share: float, _study: Study, _attribution: Attribution) -> pd.DataFrame:
    table = ranking(_attribution)
    end = end_size(len(table), share)
    sample = _sample(_study, len(table), share, end)
    half = len(sample) // 2  # of which there is a control
    groups = {TOP: np.flatnonzero(sample < end)[:half], BOTTOM: np.flatnonzero(sample >= len(table) - end)}
    rows = table.take(sample)
    kinds = rows["kind"].to_numpy() if "kind" in rows else None
    shares = rows["repeated"].to_numpy()
    for control, found in _controls(groups[TOP], kinds, shares).items():
        groups[control] = found.rows
    numbers = rows["row"].to_numpy()
    measures = {LONGEST_REPEAT: longest_repeats(_study.rows[numbers])} if _study.rows_here(numbers).all() else {}
    if "step" in rows:
        measures[TRAINING_STEP] = rows["step"].to_numpy()
    return enrichment(groups, kinds, shares, measures=measures)


def _sample(study: Study, rows: int, share: float, end: int) -> np.ndarray:
    """Places of the ranking to compare, ascending: all, or a random sample with not too few of each end."""
    most = int(min(_MOST_ROWS, _MOST_TOP / share, max(1, _MOST_TOKENS // (study.facts.seq_len + 1))))
    if rows <= most:
        return np.arange(rows)
    source = np.random.default_rng(0)
    of_end = source.permutation(end)[:_FEWEST_OF_END]
    return np.unique(np.concatenate([source.permutation(rows)[:most], of_end, rows - 1 - of_end]))


def _controls(top: np.ndarray, kinds: np.ndarray | None, shares: np.ndarray) -> dict[str, Control]:
    """The controls of the top; from all of training, as if every row had the same step."""
    steps = np.zeros(len(shares), dtype=np.int64)
    source = np.random.default_rng(0)
    found = {RANDOM: random_control(top, steps, source)}
    if kinds is not None:
        found[SAME_KINDS] = matched_kind(top, steps, kinds, source)
    one_kind = np.zeros(len(shares), dtype=np.int64)
    found[SAME_REPETITION] = matched_repetition(top, steps, one_kind if kinds is None else kinds, shares, source)
    return found


@st.cache_data(max_entries=16, show_spinner=False)
def _by_step(study: str, identity: str, _attribution: Attribution) -> pd.DataFrame:
    table = scores(_attribution)
    return influence_by_step(table["step"].to_numpy(), table["score"].to_numpy())


@st.cache_data(max_entries=64, show_spinner=False)
def _by_head(study: str, identity: str, share: float, _attribution: Attribution) -> pd.DataFrame:
    table, order = scores(_attribution), ranking(_attribution)["row"].to_numpy()
    places = np.searchsorted(table["row"].to_numpy(), order)
    end = end_size(len(order), share)
    heads = [str(head) for head in _attribution.heads]
    columns = heads if len(heads) > 1 else ["score"]
    sums = [table[columns].take(rows).sum().to_numpy() for rows in (places[:end], places[len(order) - end :])]
    return pd.DataFrame({"head": heads, TOP: sums[0], BOTTOM: sums[1]})
