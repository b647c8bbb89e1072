"""Cards of all studies: what each is, the history of its best head, and how much was found out about it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from mda.errors import UserError
from mda.heads.geometry import Head
from mda.studies.study import Study
from mda.ui.charts.colours import head_colour
from mda.ui.charts.heads import head_curves
from mda.ui.charts.story import spark_svg
from mda.ui.frame.cached import attributions, born_heads, head_table, retrains
from mda.ui.frame.links import STORY, page_link
from mda.ui.frame.public import public
from mda.ui.frame.selection import likely_head
from mda.ui.words.plain import plain


def gallery(names: list[str], shown: str) -> None:
    """A card a study; shown: the one that the page tells of."""
    cards = st.grid(4, min_column_width=260)
    for name in names:
        with cards.cell().container(border=True, height="stretch", gap="xsmall"):
            st.markdown(f"**{plain(name)}**" + (" · shown above" if name == shown else ""))
            try:
                _card(Study.open(name))
            except UserError as error:
                st.caption(plain(public(str(error))))
                continue
            if name != shown:
                page_link(STORY, "Open", ":material/arrow_forward:", study=name)


def _card(study: Study) -> None:
    sizes, steps = study.sizes, study.steps
    rows = study.facts.trained if study.facts.in_order else study.facts.rows
    st.caption(
        f"{sizes.layers} × {sizes.heads} heads · {len(steps)} checkpoint{'s' * (len(steps) > 1)} · {rows:,} rows"
    )
    table = head_table(study.name)
    if table.empty:
        st.caption("No head scores yet.")
    else:
        best = Head.parse(likely_head(study, table))
        curve = head_curves(table, "prefix_matching")[best]
        st.image(
            spark_svg(*curve, head_colour(best)), width="stretch", alt=f"Prefix matching of {best} over steps"
        )
        st.caption(f"{best} {_birth(study.name, best)}")
    asked, arms = len(attributions(study.name)), len(retrains(study.name))
    st.caption(f"{asked} attribution{'s' * (asked != 1)} · {arms} retrain{'s' * (arms != 1)}")


def _birth(study: str, head: Head) -> str:
    born = born_heads(study)
    line = born[
        (born["score"] == "prefix_matching") & (born["layer"] == head.layer) & (born["head"] == head.index)
    ]
    if line.empty:
        return "not born: prefix matching stays below 0.1"
    step = float(line["birth_step"].iloc[0])
    when = f"born near step {round(step / 10) * 10:,}" if np.isfinite(step) else "there from the first checkpoints"
    return f"{when}, prefix matching {line['final'].iloc[0]:.2f}"
