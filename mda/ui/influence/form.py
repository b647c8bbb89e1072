"""The form that launches an attribution, with defaults around the birth of the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from mda.curvature.registry import CURVATURES
from mda.errors import UserError
from mda.evidence.births import births
from mda.probes.probes import PROBES
from mda.studies.study import Study
from mda.ui.frame.cached import head_table
from mda.ui.frame.jobs_panel import start_job
from mda.ui.frame.selection import View
from mda.ui.frame.words import plain
from mda.workflows.attribution_task import AttributeRequest
from mda.workflows.registry import checked

SAME_HEADS, ALL_HEADS = "the same heads", "all heads"


@dataclass(frozen=True)
class Proposal:
    """What the form begins with: checkpoints about the birth of the likely head, and the rows around it."""

    head: str
    steps: list[int]
    rows: tuple[int, int]


def propose(study: Study, head: str, heads: pd.DataFrame) -> Proposal:
    """The two checkpoints up to the head's birth and the rows of the steps about it; without a birth, the last
    checkpoint and every training row."""
    born = births(heads)
    mine = born[(born["score"] == "prefix_matching") & born["birth_step"].notna()]
    mine = mine[[f"L{layer}H{index}" == head for layer, index in zip(mine["layer"], mine["head"], strict=True)]]
    if mine.empty:
        return Proposal(head, [study.steps[-1]], (0, study.facts.trained))
    birth = float(mine["birth_step"].iloc[0])
    at = int(np.argmin([abs(step - birth) for step in study.steps]))
    size = study.facts.batch_size
    start, stop = (int(part * birth) * size for part in (2 / 3, 1.15))
    return Proposal(head, study.steps[max(0, at - 1) : at + 1], (start, min(stop, study.facts.trained)))


def attribution_form(view: View) -> None:
    """Ask what to attribute, and start it as a job."""
    study = view.study
    proposed = propose(study, str(view.head), head_table(study.name))
    size = study.facts.batch_size
    with st.form("new-attribution", border=False):
        first, second, third = st.columns(3)
        heads = first.multiselect(
            "Heads: whose behaviour", [str(head) for head in study.sizes.all_heads()], [proposed.head]
        )
        probe = second.selectbox(
            "Probe: what behaviour", list(PROBES), help="; ".join(f"{p.name}: {p.about}" for p in PROBES.values())
        )
        through = third.selectbox(
            "Through whose parameters",
            [ALL_HEADS, SAME_HEADS],
            help="An induction head is also built through the heads before it; the paper looks at its own alone.",
        )
        steps = first.multiselect("Checkpoints; their scores are summed", study.steps, proposed.steps)
        curvature = second.selectbox("Curvature", list(CURVATURES))
        begin, end = third.columns(2)
        start = begin.number_input("First row", 0, study.facts.rows - 1, proposed.rows[0], step=size)
        stop = end.number_input("Up to row", 1, study.facts.rows, proposed.rows[1], step=size)
        st.caption(f"Rows are trained on in order, {size:,} a step. A background job scores each of them once.")
        if st.form_submit_button("Attribute", type="primary"):
            _submit(study, heads, steps, probe, through, curvature, (start, stop))


def _submit(
    study: Study,
    heads: list[str],
    steps: list[int],
    probe: str | None,
    through: str | None,
    curvature: str | None,
    rows: tuple[int, int],
) -> None:
    if not heads or not steps:
        st.error("Choose at least one head and one checkpoint.")
        return
    try:
        study.row_range(*rows)
        request = checked(
            AttributeRequest,
            {
                "study": study.name,
                "steps": tuple(steps),
                "head": ",".join(heads),
                "probe": probe,
                "through": "all" if through == ALL_HEADS else None,
                "rows": rows,
                "curvature": curvature,
            },
        )
    except UserError as error:
        st.error(plain(str(error)))
        return
    start_job("attribute", request.model_dump(mode="json"), study.name)
    st.rerun()
