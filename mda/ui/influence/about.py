"""What the scores of an attribution are, and how far they can be trusted, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import streamlit as st

from mda.studies.attributions import LOW_RELIABILITY, Attribution
from mda.studies.study import Study
from mda.ui.frame.notes import stale_note
from mda.ui.words.plain import plain

_FORMULA = r"""
A row's score estimates how much one more small training step on it would move the **probe**: a number $f$
that says how much a head behaves in a certain way, such as its attention to what followed the same token last
time.

$$I(z) = -\,\big\langle \nabla L(z),\; (H + \lambda)^{-1}\, \nabla f \big\rangle$$

- $\nabla L(z)$: the gradient of the summed next-token loss of row $z$. Training goes against it, hence the
  minus: **positive promotes** the behaviour, negative suppresses it.
- $\nabla f$: the gradient of the probe. Both are taken at a checkpoint and only with respect to the attention
  heads that the attribution goes *through*; scores of several checkpoints are added up.
- $H$: the curvature of the loss, how steep it is in every direction of the parameters. $(H + \lambda)^{-1}
  \nabla f$, the **inverse-Hessian-vector product (IHVP)**, is the direction that serves the probe once
  directions that all of the data hold firmly in place are played down. It is found once a checkpoint; a row
  then costs one forward and backward pass.
- **EK-FAC** makes $H$ small enough to invert. For each block of a head's weights it takes the covariance of
  the inputs and that of the gradients at the outputs, turns the weights into the axes that these two share,
  and measures the curvature along each axis from gradients of single rows.
- $\lambda$, the **damping**: a tenth of the mean curvature is added everywhere, so that directions of which
  the data say nearly nothing do not blow up.

Scores have no unit: compare them within an attribution. They are first-order estimates; the proof is a
retrain without the rows.
"""


def explanation() -> None:
    """The formula in words, behind a button."""
    with st.popover("What scores are", icon=":material/function:"):
        st.markdown(_FORMULA)


def trust(attribution: Attribution) -> None:
    """How far the ranking depends on seeds, in one line."""
    st.caption(
        trust_line(attribution.manifest.result["reliability"]),
        help="Rank agreement (Spearman): 1 is the same ranking; near 0 the ranking says more about its seeds than "
        "about the data. The probe is measured on two halves of its sequences; the curvature is fitted twice, "
        f"with other labels drawn from the model. Below {LOW_RELIABILITY:g} single rows mean little.",
    )


def doubts(attribution: Attribution, study: Study) -> None:
    """Warnings where the rows are no longer those that were scored, or their ranking is not reliable."""
    stale_note(attribution.manifest.spec["study"], study, "This attribution")
    if attribution.doubts:
        st.warning("  \n".join(plain(doubt) for doubt in attribution.doubts))


def trust_line(reliability: Mapping[str, Any]) -> str:
    """One sentence, for Markdown."""
    halves, seeds = reliability["probe_halves"], reliability["label_seeds"]
    worst = min((-1.0 if one is None or not math.isfinite(one) else one) for one in (halves, seeds))
    verdict = "Reliable" if worst >= 0.95 else "Fairly reliable" if worst >= LOW_RELIABILITY else "Unreliable"
    return (
        f"**{verdict} ranking**: two halves of the probe agree at {_agreement(halves)}, two fits of the curvature "
        f"at {_agreement(seeds)} (Spearman, on {reliability['rows']:,} rows)."
    )


def _agreement(value: float | None) -> str:
    return "an undefined value" if value is None or not math.isfinite(value) else f"**{value:.2f}**"
