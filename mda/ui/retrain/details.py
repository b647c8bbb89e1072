"""How chosen experiments were run: what chose their rows and how reliably, how well controls match, which rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from mda.store.paths import read_only
from mda.studies.attributions import Attribution
from mda.studies.retrains import Retrain
from mda.studies.study import Study
from mda.ui.frame import share
from mda.ui.frame.links import INFLUENCE, page_link
from mda.ui.retrain.cost import duration
from mda.ui.retrain.experiments import SELECTION_NAMES, Experiment, about, titles
from mda.ui.retrain.plan import Schedule, rows_text
from mda.ui.retrain.reads import changed_rows
from mda.ui.retrain.rows import rows_area, with_kinds
from mda.ui.words.plain import plain

MOST_LINKS = 4


def reliability_caption(chosen: Sequence[Experiment], attributions: Sequence[Attribution]) -> None:
    """How far the rankings that chose the rows depend on their seeds; with a warning where they do too much."""
    by_id = {one.id: one for one in attributions}
    for name in dict.fromkeys(one.shared["attribution"] for one in chosen):
        if name is None:
            continue
        if name not in by_id:
            st.caption("An attribution that chose rows is gone, so how reliable it was cannot be told.")
            continue
        found = by_id[name]
        for doubt in found.doubts:
            st.warning(plain(doubt))
        told = found.manifest.result["reliability"]
        st.caption(
            f"Rows were chosen by {plain(found.title)}. Its rank agreement (Spearman) is "
            f"{_agreement(told['probe_halves'])} between the two halves of the probe and "
            f"{_agreement(told['label_seeds'])} between two fits of the curvature.",
            help="1: the same ranking. Near 0: the ranking says more about its seeds than about the data.",
        )


def next_steps(chosen: Sequence[Experiment], attributions: Sequence[Attribution]) -> None:
    """Buttons that fill the form with an experiment's settings, and links to what chose its rows."""
    by_id = {one.id: one for one in attributions}
    told = titles(chosen)
    if not read_only():
        box = (
            st.popover("Rerun with changes", icon=":material/tune:")
            if len(chosen) > 1
            else st.container(width="content")
        )
        for one in chosen:
            box.button(
                told[one.key] if len(chosen) > 1 else "Rerun with changes", key=f"like-{one.key}",
                icon=":material/tune:", type="tertiary" if len(chosen) > 1 else "secondary",
                on_click=_begin_like, args=(one, by_id.get(str(one.shared["attribution"]))),
                help="Opens the form above with the settings of this experiment.",
            )  # fmt: skip
    for name in list(dict.fromkeys(one.shared["attribution"] for one in chosen))[:MOST_LINKS]:
        if name in by_id:
            label = plain(f"Rows by {about(by_id[name])}")
            page_link(INFLUENCE, label, ":material/swap_vert:", **_question(by_id[name]))


def _begin_like(one: Experiment, attribution: Attribution | None) -> None:
    """A button's callback: let the form begin with these settings, and choose what chose the rows."""
    st.session_state["like"] = one.runs[0].id
    st.session_state["picked"] = rows_text(changed_rows(one.arms["rows"][0])["row"]) if "rows" in one.arms else ""
    if attribution is not None:
        st.session_state.update(_question(attribution))


def details_area(study: Study, chosen: Sequence[Experiment]) -> None:
    """A table of all runs, and the rows that one of them changed."""
    runs = [(one, run) for one in chosen for run in one.runs]
    table = _runs_table(runs)
    share.offer_table("runs", table)
    share.offer_table("changed rows", lambda: _all_changed(study, runs))
    with st.expander(f"How it was run: {len(runs)} retrains", key="how-it-was-run", on_change="rerun") as box:
        if not box.open:
            return
        st.dataframe(table, hide_index=True, height=min(320, 38 + 35 * len(table)))
        st.markdown("**Rows that were changed**")
        named = titles(chosen)
        names = {run.id: _run_name(named[one.key] if len(chosen) > 1 else "", run) for one, run in runs}
        name = st.selectbox("Retrain", list(names), format_func=names.__getitem__, label_visibility="collapsed")
        one, run = next((one, run) for one, run in runs if run.id == name)
        if one.shared["study"] != study.manifest.identity:
            st.caption("These rows are those of an earlier study of this name, so their texts cannot be shown.")
            st.dataframe(changed_rows(run), hide_index=True, height=200)
        else:
            rows = Schedule.of(run).window(study.facts.batch_size)
            rows_area(study, _strongest_first(study, run), rows, "changed rows of one retrain", run.attribution)


def _question(attribution: Attribution) -> dict[str, object]:
    spec = attribution.manifest.spec
    return {"head": spec["heads"][0], "probe": spec["probe"], "attribution": attribution.id}


def _agreement(value: float | None) -> str:
    return "undefined" if value is None or not np.isfinite(value) else f"{value:.2f}"


def _run_name(title: str, run: Retrain) -> str:
    name = f"{SELECTION_NAMES[run.manifest.spec['select']]}, replicate {run.replicate}"
    return f"{title}: {name}" if title else name


def _runs_table(runs: Sequence[tuple[Experiment, Retrain]]) -> pd.DataFrame:
    """One line a retrain; how well a control matches is told where there is something to match."""
    lines = []
    for one, run in runs:
        result = run.manifest.result
        match = result.get("match") or {}
        lines.append(
            {
                "experiment": one.title,
                "arm": SELECTION_NAMES[run.manifest.spec["select"]],
                "replicate": run.replicate,
                "rows": int(result["rows"]),
                "rows a step": _told(run.rows_per_step, "{:.0f}"),
                "learning rate": _told(run.learning_rate, "{:g}"),
                "partners from farther away": _told(match.get("relaxed"), "{:.0f}"),
                "mean gap in steps": _told(match.get("step_gap"), "{:.1f}"),
                "mean gap in repetition": _told(match.get("share_gap"), "{:.3f}"),
                "took": duration(run.manifest.seconds),
                "made": f"{run.manifest.created:%Y-%m-%d %H:%M}",
                "id": run.id,
            }
        )
    table = pd.DataFrame(lines)
    return table.loc[:, (table != "").any()]


def _told(value: float | None, form: str) -> str:
    return "" if value is None or not np.isfinite(value) else form.format(value)


def _strongest_first(study: Study, run: Retrain) -> pd.DataFrame:
    return with_kinds(study, changed_rows(run).drop(columns="weight"))


def _all_changed(study: Study, runs: Sequence[tuple[Experiment, Retrain]]) -> pd.DataFrame:
    return pd.concat(
        [
            changed_rows(run).assign(
                experiment=one.title, arm=SELECTION_NAMES[run.manifest.spec["select"]], replicate=run.replicate
            )
            for one, run in runs
        ],
        ignore_index=True,
    )
