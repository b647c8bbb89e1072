"""Which rows an arm changes: those of a planned one, and those of a stored one, each linked to its page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from mda.studies.attributions import open_attribution
from mda.studies.study import Study
from mda.ui.frame import share
from mda.ui.frame.links import href
from mda.ui.text.bring import bring_rows
from mda.workflows.retrain_task import RetrainRequest, RetrainTask

_MOST_TOLD = 2000  # rows of a window whose kinds rules tell for one sentence
MOST_SHOWN = 100
_SNIPPET = 160  # letters of a row's text


def planned_rows(study: Study, arm: RetrainRequest) -> pd.DataFrame:
    """Columns row, step, kind (where rows carry one) and score (where an attribution chose them); the strongest
    first, without scores in training order. Raises UserError where the arm cannot be."""
    return _planned(study.manifest.identity, arm.model_dump_json(), study, arm)


def rows_area(study: Study, rows: pd.DataFrame, window: np.ndarray, name: str, attribution: str | None) -> None:
    """The first rows of a table as of `planned_rows`, how many there are, and of which kinds beside the window's.

    window: numbers of all rows that could have been chosen. name: of the table that is offered for download.
    """
    steps = rows["step"]
    st.caption(
        f"{len(rows):,} of the window's {len(window):,} rows, trained on in steps "
        f"{steps.min():,} to {steps.max():,}.{_kinds(study, rows['row'].to_numpy(), window)}"
        + (f" Shown are {MOST_SHOWN}; all of them are under Share." if len(rows) > MOST_SHOWN else "")
    )
    share.offer_table(name, rows)
    st.dataframe(
        _shown(study.manifest.identity, tuple(rows["row"].head(MOST_SHOWN)), study, rows, _linked(attribution)),
        hide_index=True,
        height=min(320, 38 + 35 * len(rows)),
        column_config={
            "row": st.column_config.LinkColumn(
                "row", display_text=r"row=(\d+)", help="Opens the page of this row."
            ),
            "score": st.column_config.NumberColumn("influence", format="%.3g"),
            "text": st.column_config.TextColumn("text begins", width="large"),
        },
    )


def _linked(attribution: str | None) -> Callable[[int], str]:
    added = {} if attribution is None else {"attribution": attribution}
    return lambda row: href("Row", row=row, **added)


@st.cache_resource(max_entries=8, show_spinner="Choosing rows …")
def _planned(study: str, arm: str, _study: Study, _arm: RetrainRequest) -> pd.DataFrame:
    task = RetrainTask(_arm)
    rows = task.window[task.changed[0]]
    table = with_kinds(_study, pd.DataFrame({"row": rows, "step": _study.step_of(rows)}))
    if _arm.attribution is None:
        return table
    found = open_attribution(_study.name, _arm.attribution)
    table["score"] = found.scores_of(rows)
    return table.sort_values("score", ascending=_arm.select == "bottom", kind="stable", ignore_index=True)


def with_kinds(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the column kind, where rows carry one, or are few enough to tell it from their text."""
    return (
        table
        if study.kinds is None or (study.facts.kinds is None and len(table) > _MOST_TOLD)
        else table.assign(kind=[str(kind) for kind in study.kind_names(table["row"].to_numpy())])
    )


def _shown(
    study: str, rows: Sequence[int], _study: Study, table: pd.DataFrame, link: Callable[[int], str]
) -> pd.DataFrame:
    gone = bring_rows(_study, rows)
    here = tuple(int(row) for row in rows if row not in gone)
    texts = dict(zip(here, _texts(study, here, _study), strict=True))
    begin = [" ".join(texts.get(int(row), "").split()) for row in rows]
    return table.head(MOST_SHOWN).assign(row=[link(int(row)) for row in rows], text=begin)


@st.cache_resource(max_entries=16, show_spinner=False)
def _texts(study: str, rows: tuple[int, ...], _study: Study) -> list[str]:
    return [_study.text(row)[:_SNIPPET] for row in rows]


def _kinds(study: Study, rows: np.ndarray, window: np.ndarray) -> str:
    """` Kinds: latex 43 % (of the window 30 %), …`, the most frequent first."""
    if len(window) > _MOST_TOLD and study.facts.kinds is None:  # telling them takes some ms a row, and their text
        return ""
    names, codes, inside = study.kinds, study.kind_codes(rows), study.kind_codes(window)
    if names is None or codes is None or inside is None:
        return ""
    mine = np.bincount(codes, minlength=len(names)) / len(rows)
    whole = np.bincount(inside, minlength=len(names)) / len(inside)
    order = [kind for kind in np.argsort(-mine, kind="stable") if mine[kind] > 0][:4]
    told = [f"{names[kind]} {100 * mine[kind]:.0f} % (of the window {100 * whole[kind]:.0f} %)" for kind in order]
    return f" Kinds: {', '.join(told)}."
