"""All heads of a step as small pictures of their attention, each a button that chooses its head."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np
import streamlit as st

from mda.heads.geometry import Head
from mda.heads.sparse import in_bytes
from mda.ui.attention.viewer import script
from mda.ui.charts.colours import head_colour

_HEAD = "head"

_component = st.components.v2.component(
    "mda_attention_thumbnails",
    html=script("thumbnails.html"),
    css=script("thumbnails.css"),
    js=script("shared.js", "thumbnails.js"),
)


def picture_bytes(small: np.ndarray) -> np.ndarray:
    """Small patterns [L, H, n, n] as uint8, each picture's strongest place being 255: means over blocks get weaker
    the longer the sequence, and a picture is there to show a shape."""
    most = small.max(axis=(2, 3), keepdims=True)
    return in_bytes(small / np.where(most > 0, most, 1))


def packed(
    pictures: np.ndarray, score: str, scores: Mapping[Head, float], selected: Head, height: int
) -> dict[str, Any]:
    """What the component gets of pictures, uint8 [L, H, n, n], made by `picture_bytes`."""
    layers, heads, side, _ = pictures.shape
    told = {head: float(scores.get(head, float("nan"))) for head in all_heads(layers, heads)}
    data: dict[str, Any] = {
        "score": score,
        "side": side,
        "heads": [
            {
                "name": str(head),
                "layer": head.layer,
                "index": head.index,
                "colour": head_colour(head),
                "score": round(value, 4) if isfinite(value) else None,
            }
            for head, value in told.items()
        ],
    }
    return {
        **data,
        "digest": hashlib.sha256(repr(data).encode()).hexdigest(),
        "pictures": base64.b64encode(pictures.tobytes()).decode(),
        "selected": str(selected),
        "height": height,
    }


def all_heads(layers: int, heads: int) -> list[Head]:
    """Every head, by layer and then by index."""
    return [Head(layer, index) for layer in range(layers) for index in range(heads)]


def thumbnails(
    pictures: np.ndarray,
    score: str,
    scores: Mapping[Head, float],
    selected: Head,
    key: str,
    on_head: Callable[[Head], None],
    height: int = 460,
) -> None:
    """Show pictures, uint8 [L, H, n, n] made by `picture_bytes`, in a layer x head grid that scrolls.

    score: the name of a head score in words; scores: of each head, where known. on_head is called, before the page
    runs again, with the head that was clicked.
    """
    data = packed(pictures, score, scores, selected, height)
    known = {head["name"] for head in data["heads"]}

    def clicked() -> None:
        told = st.session_state[key].get(_HEAD)
        if told in known:  # it comes from a browser
            on_head(Head.parse(told))

    _component(key=key, data=data, on_head_change=clicked)
