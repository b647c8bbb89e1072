"""The page of retrains: launch arms, watch them, compare those that are done."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pandas as pd
import streamlit as st

from mda.errors import UserError
from mda.evidence.compare import COMPARED_SCORES
from mda.jobs.files import Job
from mda.studies.attributions import open_attribution
from mda.studies.retrains import BASELINE, Retrain
from mda.ui.charts.retrain import arms_figure
from mda.ui.frame.cached import attributions as attributions_of
from mda.ui.frame.cached import retrains
from mda.ui.frame.choices import choose
from mda.ui.frame.jobs_panel import job_area, newest_job
from mda.ui.frame.links import INFLUENCE, page_link
from mda.ui.frame.live import live_arms
from mda.ui.frame.page import stale_note, told
from mda.ui.frame.selection import View
from mda.ui.frame.words import name_of
from mda.ui.retrain.form import retrain_form
from mda.workflows.compare import compare_retrains

_FIGURE_PIXELS = 370


def retrain_page(view: View) -> None:
    """Arms to launch, the job that runs, and the comparison."""
    study = view.study
    st.header("Retrain", help="The proof: is a head born later when the rows that promote it are taken away?")
    job_area(newest_job(study.name, "retrains", "retrain"), _live)
    attributions, found = attributions_of(study.name), retrains(study.name)
    with st.expander("New retrains", expanded=not found):
        if attributions:
            retrain_form(study, attributions)
        else:
            st.info("Rows are chosen by an attribution, and this study has none yet.")
            page_link(INFLUENCE, "Make one", ":material/swap_vert:")
    if found:
        _comparison(view, found)
    else:
        st.info("Nothing has been retrained yet; finished arms are compared here.")


def _live(job: Job) -> None:
    """The curves of all arms so far."""
    curves = live_arms(job.metrics()[0])
    if curves.empty:
        st.caption("Curves begin with the first arm's first look at the heads.")
        st.skeleton(height=_FIGURE_PIXELS)
        return
    arms = job.spec.arguments.get("arms") or [job.spec.arguments]
    head, score = _measured(arms, curves)
    window = (int(arms[0]["from_step"]), int(arms[0]["to_step"]))
    until = int(arms[0].get("until") or window[1])
    figure = arms_figure(curves, head, score, window, until)
    st.plotly_chart(figure, key=f"live-{job.id}", config={"displayModeBar": False})


def _measured(arms: list[dict[str, Any]], curves: pd.DataFrame) -> tuple[str, str]:
    """Head and score of the attribution that chose the rows, so that a growing chart keeps its subject."""
    for arm in arms:
        if arm.get("attribution"):
            with suppress(UserError):
                spec = open_attribution(arm["study"], arm["attribution"]).manifest.spec
                score = spec["probe"] if spec["probe"] in COMPARED_SCORES else COMPARED_SCORES[0]
                if len(spec["heads"]) == 1 and spec["heads"][0] in set(curves["head"]):
                    return spec["heads"][0], score
    return _best_head(curves, COMPARED_SCORES[0]), COMPARED_SCORES[0]


def _comparison(view: View, found: list[Retrain]) -> None:
    study = view.study
    st.subheader("Comparison")
    newest = next((one for one in found if one.label != BASELINE), found[0])
    default = [one.id for one in found if one.schedule == newest.schedule]
    chosen = st.multiselect(
        "Retrains",
        [one.id for one in found],
        default,
        key="retrains",
        bind="query-params",
        help="Baselines of the same schedule are found by themselves.",
    )
    arms = [one for one in found if one.id in chosen]
    if not arms:
        st.info("Choose at least one retrain.")
        return
    stale_note(arms[0].manifest.spec["study"], study, "The first of these retrains")
    baselines = [
        one
        for one in found
        if one.label == BASELINE and one not in arms and any(one.schedule == arm.schedule for arm in arms)
    ]
    if all(one.label == BASELINE for one in arms):
        st.info("Only baselines are chosen: choose an arm that changes rows, and it is compared with them.")
    else:
        with told():
            _table(compare_retrains(arms))
    _curves(arms + baselines, str(view.head))


def _table(table: pd.DataFrame) -> None:
    """Changes and delays by arm and head."""
    if table.empty:
        st.info("No head is born in the baseline of this window, so there is no birth that an arm could delay.")
        return
    shown = table.assign(
        score=[name_of(score) for score in table["score"]],
        change=_with_interval(table, "change", "{:+.2f}"),
        delay=[
            f"{'at least ' if censored else ''}{text}"
            for text, censored in zip(_with_interval(table, "delay", "{:+,.0f}"), table["censored"], strict=True)
        ],
    )
    st.dataframe(
        shown[["arm", "score", "head", "baseline", "final", "change", "delay", "replicates", "note"]],
        hide_index=True,
        column_config={
            "baseline": st.column_config.NumberColumn("baseline's final", format="%.2f"),
            "final": st.column_config.NumberColumn("arm's final", format="%.2f"),
            "change": st.column_config.TextColumn("change [95 %]"),
            "delay": st.column_config.TextColumn("delay in steps [95 %]"),
        },
    )
    st.caption(
        "Final: mean of the last three looks. Delay: steps by which the arm reaches half of the baseline's final "
        "score later (negative: earlier). Brackets: bootstrap over replicates, too narrow for three of them."
    )


def _with_interval(table: pd.DataFrame, column: str, form: str) -> list[str]:
    """`+12 [+3, +20]`, without brackets where there is one replicate, a dash where undefined."""
    told = []
    for line in table.to_dict("records"):
        mean, low, high = line[column], line[f"{column}_low"], line[f"{column}_high"]
        text = "–" if pd.isna(mean) else form.format(mean)
        told.append(text if pd.isna(low) or pd.isna(high) else f"{text} [{form.format(low)}, {form.format(high)}]")
    return told


def _curves(arms: list[Retrain], head: str) -> None:
    """One head's score in all arms."""
    metrics = [one.metrics().assign(arm=one.label, replicate=one.replicate) for one in arms]
    curves = pd.concat(metrics, ignore_index=True)
    score = choose("Score", COMPARED_SCORES, COMPARED_SCORES[0], "score", "score", format_func=name_of)
    if len({one.schedule for one in arms}) > 1:
        st.caption("These retrains have different windows; their curves share only the axis of steps.")
    spec = arms[0].manifest.spec
    figure = arms_figure(curves, head, score, (int(spec["from"]), int(spec["to"])))
    st.plotly_chart(figure, key="arms", config={"displayModeBar": False})


def _best_head(curves: pd.DataFrame, score: str) -> str:
    """The head with the highest mean of a score at the last step, in the baseline where there is one."""
    base = curves[curves["arm"] == BASELINE]
    base = curves if base.empty else base
    last = base[base["step"] == base["step"].max()]
    return str(last.groupby("head")[score].mean().idxmax())
