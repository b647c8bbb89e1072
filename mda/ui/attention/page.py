"""The page of attention: one head on one sequence, its birth played, beside another step or head."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from mda.heads.geometry import Head
from mda.heads.one_head import head_pattern
from mda.heads.sparse import strongest_keys
from mda.studies.study import Study
from mda.ui.attention.frames import TokenSequence, frames_at
from mda.ui.attention.patterns import pictures_at
from mda.ui.attention.sources import choose_sequence
from mda.ui.attention.thumbnails import thumbnails
from mda.ui.attention.viewer import STRONGEST, attention_viewer
from mda.ui.frame.cached import head_table
from mda.ui.frame.checkpoints import here_of, ready
from mda.ui.frame.choices import choose, switch
from mda.ui.frame.models import model
from mda.ui.frame.selection import View, put
from mda.ui.frame.share import offer_table
from mda.ui.words.plain import name_of

OFF = "off"
_PANE = 420  # pixels below which two panes go one below the other
_ABOUT = r"""
A head turns each token's vector $x_t$ into a query $q_t$ and a key $k_t$ of $d_h$ numbers, rotated by their place.
From query $t$ it gives key $s \le t$ the weight

$$A_{t,s} = \frac{\exp(q_t \cdot k_s / \sqrt{d_h})}{\sum_{r \le t} \exp(q_t \cdot k_r / \sqrt{d_h})}.$$

A query's weights add up to 1, so a head that has nothing to look for must look somewhere: often at the first
token. A weight says what the head reads, not what it does with it. Weights are sent to the browser in steps of
1/255, so they are right to 0.002; colours show their square roots, so that small ones can be seen.
"""


def attention_page(view: View) -> None:
    """Choose a sequence and what to compare with; watch the head on it."""
    study = view.study
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(
            "Attention", help="Where each token of a sequence looks through one head, and who looks at it.",
            width="content",
        )  # fmt: skip
        with st.popover("What a weight is", type="tertiary"):
            st.markdown(_ABOUT)
    sequence = choose_sequence(study)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        other = _choose_other(study)
        birth = _choose_birth(view)
    if sequence is None:
        return
    st.caption(sequence.about)
    needed = [view.step] if other[1] is None else [view.step, other[1]]
    if not ready(study, needed, "this view"):
        return
    _panes(view, sequence, other, birth)
    _all_heads(view, sequence)
    offer_table(
        f"attention-{view.head}-step{view.step}", partial(strongest_table, study, view.head, view.step, sequence)
    )


def _choose_other(study: Study) -> tuple[Head | None, int | None]:
    """The head or the step of the second pane; neither where there is none."""
    steps = {f"step:{step}": f"step {step:,}" for step in study.steps}
    heads = {f"head:{head}": f"head {head}" for head in study.sizes.all_heads()}
    labels = {OFF: "nothing", **steps, **heads}
    with st.container(width=220):
        chosen = choose(
            "Compare with", list(labels), OFF, "versus", "comparison", format_func=lambda one: labels[one],
            help="A second pane with the same head at another step, or another head at the same step. A token "
            "chosen in one is shown in both.",
        )  # fmt: skip
    kind, _, what = chosen.partition(":")
    return (Head.parse(what) if kind == "head" else None), (int(what) if kind == "step" else None)


def _choose_birth(view: View) -> list[int]:
    """The checkpoints that are played: all that are on this machine, or that of the view alone.

    A study of one has no birth to play."""
    study, here = view.study, here_of(view.study)
    if len(here) < 2:
        return [view.step]
    which = f"all {len(here)}" if len(here) == len(study.steps) else f"the {len(here)} (of {len(study.steps)})"
    about = f"Reads {which} checkpoints on this machine, once, and lets them be played one after the other."
    return sorted({*here, view.step}) if switch("Play the birth", False, "birth", about) else [view.step]


def _panes(view: View, sequence: TokenSequence, other: tuple[Head | None, int | None], steps: list[int]) -> None:
    panes = [(view.head, steps, view.step)]
    if other[0] is not None:
        panes.append((other[0], steps, view.step))
    elif other[1] is not None:
        panes.append((view.head, [other[1]], other[1]))
    grid = st.grid(len(panes), min_column_width=_PANE, gap="medium")
    for number, (head, frames_of, selected) in enumerate(panes):
        with grid.cell():
            frames = frames_at(view, head, frames_of, sequence)
            attention_viewer(frames, f"viewer-{number}", selected, "panes", on_step=lambda step: put(step=step))


def _all_heads(view: View, sequence: TokenSequence) -> None:
    st.subheader(f"All heads at step {view.step:,}", help="Click a picture to choose its head.")
    st.caption(
        f"The same sequence through every head, with its {name_of(view.score)} score. Queries go down, keys "
        "across; every picture is brightened to its own strongest place."
    )
    table = head_table(view.study.name)
    now = table[table["step"] == view.step]
    places = zip(now["layer"].astype(int), now["head"].astype(int), strict=True)
    scores = dict(zip((Head(*place) for place in places), now[view.score].astype(float), strict=True))
    thumbnails(
        pictures_at(view.study, view.step, sequence.ids),
        name_of(view.score),
        scores,
        view.head,
        "thumbnails",
        on_head=lambda head: put(head=str(head)),
    )


def strongest_table(study: Study, head: Head, step: int, sequence: TokenSequence) -> pd.DataFrame:
    """The strongest keys of each query as a table: places and texts of both, and the weight."""
    with model(study, step) as loaded:
        found = strongest_keys(head_pattern(loaded, head, sequence.ids), STRONGEST)
    queries, slots = np.nonzero(found.keys >= 0)
    keys = found.keys[queries, slots]
    texts = np.array(sequence.tokens, dtype=object)
    return pd.DataFrame(
        {
            "query": queries,
            "query token": texts[queries],
            "key": keys,
            "key token": texts[keys],
            "weight": found.weights[queries, slots],
        }
    )
