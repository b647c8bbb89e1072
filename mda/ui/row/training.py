"""What the study's training says of one row: the head's curve, the row's scores at checkpoints, and its loss."""

from __future__ import annotations

import streamlit as st

from mda.studies.attributions import Attribution
from mda.ui.charts.heads import head_curves
from mda.ui.charts.row import Losses, training_figure
from mda.ui.frame.cached import attributions, head_table
from mda.ui.frame.checkpoints import here_of
from mda.ui.frame.choices import switch
from mda.ui.frame.links import HEADS, page_link
from mda.ui.frame.selection import View
from mda.ui.frame.share import chart
from mda.ui.row.history import covering, scores_by_step
from mda.ui.row.losses import MOST_CHECKPOINTS, looked_at, losses_at
from mda.ui.words.plain import name_of
from mda.ui.words.rows import trained_at


def training_area(view: View, attribution: Attribution | None, row: int, here: bool) -> None:
    """The three over training steps; here: whether the row is, so that its loss can be asked for."""
    study = view.study
    st.subheader("Through training")
    losses = _losses(view, row) if here else None
    fitting = covering(attributions(study.name), view.head, view.probe, row)
    by_step = scores_by_step(fitting, attribution, row)
    heads = head_table(study.name)
    curve = None if heads.empty else head_curves(heads, view.score).get(view.head)
    if curve is None and not by_step and losses is None:
        st.caption(
            "Nothing to show yet: no head scores, no attribution of this row, and its loss is not asked for."
        )
        return
    figure = training_figure(
        curve, name_of(view.score), view.head, by_step, losses, trained_at(study, row), view.step, study.steps
    )
    alt = f"Over training steps: {name_of(view.score)} of {view.head}, the scores of row {row}, and its loss."
    chart(figure, f"row-{row}-training", alt)
    if len(by_step) > 1:
        st.caption(
            "Scores of different attributions rest on different fits; compare their signs rather than sizes."
        )


def _losses(view: View, row: int) -> Losses | None:
    """The row's loss at checkpoints that are on this machine, if it is asked for."""
    study, there = view.study, here_of(view.study)
    if not there:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Its loss needs checkpoints, and none is on this machine yet.", width="content")
            page_link(HEADS, "Download and score some", ":material/arrow_forward:")
        return None
    which = f"all {len(there)}" if len(there) == len(study.steps) else f"the {len(there)} that are on this machine"
    loads = which if len(there) <= MOST_CHECKPOINTS else f"{MOST_CHECKPOINTS} of {which}"
    shown = switch(
        "Loss of this row at the checkpoints", False, "loss",
        f"Loads {loads}, one after the other. Copying predicts a token where it and the one before it come in a "
        "run of three or more that occurred earlier in the row.",
    )  # fmt: skip
    return losses_at(study, row, looked_at(there, view.step)) if shown else None
