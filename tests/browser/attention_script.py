"""Viewers of hand-made patterns; run by Streamlit in test_attention_viewer.py, which says which in the URL."""

from __future__ import annotations

import numpy as np
import streamlit as st

from mda.heads.geometry import Head
from mda.ui.attention.thumbnails import picture_bytes, thumbnails
from mda.ui.attention.viewer import Frames, attention_viewer, pattern_bytes

STEPS = (0, 1000, 2000)
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror=window.hacked=2>",
    "![x](https://example.org/x.png) $x$ **b**",
    "\u202eright to left",
    "שלום",
    "\u200b",
    "",
    "\n\n",
    "\u0301",
    "🧪",
    "x" * 10_000,
    "end",
)


def looks_back(size: int, distance: int) -> np.ndarray:
    """Three quarters of every query's attention on the token so far back, the rest on the first."""
    pattern = np.zeros((size, size), np.float32)
    for query in range(size):
        pattern[query, max(0, query - distance)] += 0.75
        pattern[query, 0] += 0.25
    return pattern


def frames(tokens: list[str], steps: tuple[int, ...] = STEPS) -> Frames:
    """At the first step all look at themselves, then one token further back at each."""
    size = len(tokens)
    ids = [tokens.index(text) for text in tokens]
    patterns = [pattern_bytes(looks_back(size, STEPS.index(step))) for step in steps]
    scores = [0.5 * STEPS.index(step) for step in steps]
    return Frames(Head(1, 2), ids, tokens, steps, "prefix matching", scores, patterns)


def report(name: str, value: object) -> None:
    st.session_state[name] = value


st.set_page_config(layout="wide")
mode = st.query_params.get("mode", "")
words = [f" word{i % 10}" for i in range(40)]
if mode == "long":
    attention_viewer(frames([f" w{i}" for i in range(2048)]), "viewer")
elif mode == "hostile":
    attention_viewer(frames(list(HOSTILE)), "viewer")
elif mode == "panes":
    attention_viewer(frames(words), "one", group="panes")
    attention_viewer(frames(words), "two", group="panes")
    attention_viewer(frames(words[:30]), "three", group="panes")
elif mode == "induction":
    patterns = [pattern_bytes(looks_back(40, 9))]
    attention_viewer(
        Frames(Head(0, 0), [i % 10 for i in range(40)], words, [5], "copying", [0.5], patterns), "one"
    )
elif mode == "heads":
    sizes = (24, 16, 8, 8)
    pictures = picture_bytes(np.random.default_rng(0).random(sizes).astype(np.float32))
    chosen = st.session_state.get("head", Head(1, 0))
    scores = {Head(1, 0): 0.66}
    thumbnails(
        pictures, "prefix matching", scores, chosen, "heads", on_head=lambda head: report("head", head), height=400
    )
    st.write(f"chosen {chosen}")
else:
    attention_viewer(frames(words), "viewer", selected=2000, on_step=lambda step: report("step", step))
    st.write(f"reported {st.session_state.get('step')}")
