"""The form that launches an experiment: arms, controls and replicates, one after another in one job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from mda.errors import UserError
from mda.jobs.files import Job
from mda.studies.attributions import Attribution
from mda.studies.retrains import BASELINE, Retrain
from mda.studies.study import Study
from mda.ui.frame.attribution import choose_attribution
from mda.ui.frame.links import INFLUENCE, page_link
from mda.ui.frame.notes import stale_note
from mda.ui.frame.selection import View
from mda.ui.retrain.experiments import SELECTION_NAMES, Experiment
from mda.ui.retrain.outlook import outlook
from mda.ui.retrain.plan import (
    BY_HAND,
    NEED_KINDS,
    SELECTIONS,
    Schedule,
    default_schedule,
    last_step,
    parse_fractions,
    parse_picked,
    plan_arms,
    replicate_numbers,
    start_steps,
)
from mda.ui.retrain.rows import planned_rows
from mda.ui.words.plain import plain
from mda.workflows.retrain_task import check_in_order

_SCORES, _HAND = "an attribution", "hand"


@dataclass(frozen=True)
class Chosen:
    """What chooses the rows: an attribution, or a person who named them."""

    attribution: Attribution | None
    rows: tuple[int, ...] | None

    @property
    def span(self) -> tuple[int, int]:
        """First row, and one after the last, of those that can be chosen."""
        if self.attribution is not None:
            return self.attribution.rows
        return (min(self.rows), max(self.rows) + 1) if self.rows else (0, 1)


def retrain_form(
    view: View, found: Sequence[Retrain], experiments: Sequence[Experiment], like: Retrain | None, job: Job | None
) -> None:
    """Ask for the arms, say what they amount to and which rows they change, and start them.

    like: a retrain whose experiment's settings the form begins with. job: the study's retraining that runs, if one
    does.
    """
    study = view.study
    try:
        check_in_order(study)
    except UserError as error:
        st.info(plain(str(error)))
        return
    if not start_steps(study):
        st.info("No checkpoint of this study has training rows after it, so nothing can be retrained.")
        return
    model = next((one for one in experiments if like is not None and like in one.runs), None)
    chosen = _who_chooses(view, like)
    if chosen is None:
        return
    if model and chosen.attribution and model.shared["attribution"] != chosen.attribution.id:
        st.caption(
            f"The settings are those of *{plain(model.title)}*; the rows are chosen by the attribution above."
        )
    action, fractions, selections, count = _what(study, chosen, like, model)
    schedule = _when(study, chosen, found, like)
    have = [
        one.replicate
        for one in found
        if one.label == BASELINE
        and one.manifest.spec["study"] == study.manifest.identity
        and Schedule.of(one) == schedule
    ]
    try:
        arms = plan_arms(
            study.name,
            action,
            selections,
            schedule,
            replicate_numbers(count, have),
            parse_fractions(fractions) if chosen.rows is None else (),
            chosen.attribution.id if chosen.attribution else None,
            chosen.rows,
        )
        planned_rows(study, next(arm for arm in arms if arm.action != BASELINE))  # refuses what cannot be
    except UserError as error:
        st.error(plain(str(error)))
        return
    outlook(study, found, arms, job)


def _who_chooses(view: View, like: Retrain | None) -> Chosen | None:
    """The attribution or the named rows; None, told, while there is neither."""
    study = view.study
    suffix = f"-{like.id}" if like else ""
    begin = _HAND if st.session_state["picked"] else _SCORES
    by = st.segmented_control(
        "Rows are chosen by", [_SCORES, _HAND], default=begin, key=f"by-{begin}{suffix}", required=True,
        help="By their scores in an attribution; or by yourself, row by row (also from the page of influence).",
    )  # fmt: skip
    if by != _HAND:
        attribution = choose_attribution(view)
        if attribution is None:
            page_link(INFLUENCE, "Make an attribution that scores the rows", ":material/swap_vert:")
            return None
        stale_note(attribution.manifest.spec["study"], study, "This attribution")
        for doubt in attribution.doubts:
            st.warning(plain(doubt))
        return Chosen(attribution, None)
    text = st.text_input(
        "Rows", key="picked", placeholder="12, 40, 100:120",
        help="Numbers of training rows, and ranges such as 100:120 (without row 120).",
    )  # fmt: skip
    try:
        rows = parse_picked(text, study)
    except UserError as error:
        st.error(plain(str(error)))
        return None
    if not rows:
        st.info("Name rows here, or pick them on the page of influence and send them over.")
        page_link(INFLUENCE, "Pick rows", ":material/swap_vert:")
        return None
    return Chosen(None, rows)


def _what(
    study: Study, chosen: Chosen, like: Retrain | None, model: Experiment | None
) -> tuple[str, str, list[str], int]:
    """Action, percentages of the window as typed, selections and the number of replicates."""
    suffix = f"-{like.id}" if like else ""
    row = st.container(horizontal=True)
    action = row.segmented_control(
        "Action", ["remove", "duplicate"], default=model.shared["action"] if model else "remove",
        key=f"action{suffix}", required=True,
        help="Removed rows keep their place with weight 0, duplicated ones count twice: batches and order stay "
        "as they were.",
    )  # fmt: skip
    fractions = ""
    if chosen.rows is None:
        begin = f"{100 * model.fraction:g}" if model and model.fraction else "10"
        fractions = row.text_input(
            "Share of the window's rows (%)", begin, key=f"fractions{suffix}", max_chars=100, width=240,
            help="One or several, as in 5, 10, 20, each from 0.01 to 50. With several the page shows how the "
            "delay grows.",
        )  # fmt: skip
    count = row.number_input(
        "Replicates", 1, 20, max(map(len, model.arms.values())) if model else 3, width=140,
        key=f"replicates{suffix}",
        help="Each shuffles the rows of the window in another way (number 0 takes them in their order), the same "
        "way for every arm. One run says little: the end points of single runs are mostly noise.",
    )  # fmt: skip
    known = BY_HAND if chosen.rows is not None else SELECTIONS
    possible = [one for one in known if study.kinds is not None or one not in NEED_KINDS]
    ticked = [one for one in possible if one in model.arms] if model else []
    selections = st.pills(
        "Selections of rows: what is tested, and controls of rising strength", possible, selection_mode="multi",
        default=ticked or [one for one in possible if one != "bottom"],
        format_func=SELECTION_NAMES.__getitem__, key=f"selections-{chosen.rows is None}{suffix}",
        help="; ".join(f"{SELECTION_NAMES[name]}: {known[name]}" for name in possible),
    )  # fmt: skip
    if chosen.rows is None and study.kinds is None:
        st.caption("The rows of this study carry no kind, so there are no controls matched by kind.")
    return str(action or "remove"), fractions, [one for one in possible if one in selections], int(count)


def _when(study: Study, chosen: Chosen, found: Sequence[Retrain], like: Retrain | None) -> Schedule:
    """The window, how long to go on, and the steps between two looks."""
    starts, last = start_steps(study), last_step(study)
    mine = [one for one in found if one.manifest.spec["study"] == study.manifest.identity]
    by = chosen.attribution.id if chosen.attribution else None
    earlier = [one for one in mine if one.attribution == by and one.label != BASELINE]
    choice = chosen.attribution.choice if chosen.attribution else None
    default = default_schedule(study, chosen.span, earlier if by else mine, choice)
    if like is not None and like.schedule[1] in starts:
        default = Schedule.of(like)
    suffix = f"-{by}-{like.id if like else ''}"
    a, b, c, d = st.columns(4)
    start = a.selectbox("Start from checkpoint", starts, starts.index(default.start), key=f"from{suffix}")
    stop = b.number_input("Change rows until step", 1, last, default.stop, key=f"to{suffix}")
    until = c.number_input(
        "Train on until step", 1, last, default.until, key=f"until{suffix}",
        help="On unchanged rows, to see whether the head is born later or not at all.",
    )  # fmt: skip
    every = d.number_input(
        "Steps between looks", 1, last, default.every, key=f"every{suffix}",
        help="A look measures all heads and losses; delays are read between looks.",
    )  # fmt: skip
    rows, rate = _how(study, default, suffix)
    begin = int(start if start is not None else default.start)
    return Schedule(begin, int(stop), int(until), int(every), rows, rate)


def _how(study: Study, default: Schedule, suffix: str) -> tuple[int | None, float | None]:
    """Rows of a step and learning rate; None where they are the study's own."""
    size, own = study.facts.batch_size, study.facts.recipe.learning_rate
    a, b, _ = st.columns([1, 1, 2])
    rows = a.number_input(
        "Rows of a step", 1, size, default.rows_per_step or size, key=f"rows-per-step{suffix}",
        help=f"The first so many of its {size:,} rows, the same ones in every arm. Fewer take less time and make "
        "every step noisier.",
    )  # fmt: skip
    rate = b.number_input(
        "Learning rate", min_value=1e-12, max_value=1e3, value=default.learning_rate or own, step=own / 10,
        format="%.3g", key=f"rate{suffix}",
        help="The study's own to begin with, or the peak of its schedule where it has one. Another one is another "
        "training, with a baseline of its own.",
    )  # fmt: skip
    return None if int(rows) == size else int(rows), None if rate == own else float(rate)
