"""The form that launches an attribution, with defaults around the birth of the head."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from mda.curvature.registry import CURVATURES, find_curvature
from mda.device import best_device
from mda.errors import UserError
from mda.heads.geometry import Head
from mda.probes.probes import PROBES
from mda.studies.attributions import Attribution, curvature_words
from mda.studies.row_choice import RowChoice
from mda.studies.study import Study
from mda.ui.frame.cached import attributions, born_heads
from mda.ui.frame.jobs_panel import start_job
from mda.ui.frame.selection import View
from mda.ui.words.plain import plain
from mda.ui.words.rows import NO_ORDER
from mda.workflows.attribution_task import AttributeRequest
from mda.workflows.pace import Rates, Work, in_words
from mda.workflows.registry import checked

SAME_HEADS, ALL_HEADS = "the same heads", "all heads"
ALL_ROWS, SOME_ROWS, ROWS_OF_STEPS = "all of them", "a random sample", "the first of each step"
MOST_ROWS = 100_000  # of which all are proposed; of more a sample
SAMPLE = 1000
LONGEST = 2000  # letters of a list of heads or steps


@dataclass(frozen=True)
class Proposal:
    """What the form begins with: checkpoints about the birth of the head, and the rows around it; born: when."""

    steps: list[int]
    rows: tuple[int, int]
    born: float | None


def propose(study: Study, head: str, score: str, born: pd.DataFrame) -> Proposal:
    """The two checkpoints up to the birth of the head (as `score` shows it) and the rows of the steps about it;
    without a birth, the last checkpoint and every training row. Where rows have no training order, all of them.
    born: the table of `evidence.births`."""
    every = (0, study.facts.trained if study.facts.in_order else study.facts.rows)
    mine = born[(born["score"] == score) & born["birth_step"].notna()]
    mine = mine[[f"L{layer}H{index}" == head for layer, index in zip(mine["layer"], mine["head"], strict=True)]]
    if mine.empty:
        return Proposal([study.steps[-1]], every, None)
    birth = float(mine["birth_step"].iloc[0])
    at = int(np.argmin([abs(step - birth) for step in study.steps]))
    steps, size = study.steps[max(0, at - 1) : at + 1], study.facts.batch_size
    if not study.facts.in_order:
        return Proposal(steps, every, birth)
    start, stop = (int(part * birth) * size for part in (2 / 3, 1.15))
    return Proposal(steps, (start, min(stop, study.facts.trained)), birth)


def expected_seconds(past: list[Attribution], rows: int, steps: int, curvature: str) -> float | None:
    """How long so many rows at so many checkpoints take, going by the attributions there are; None without any.

    past: newest first. The newest on this device says how long each part of the work took; those of earlier
    versions do not, and go by the rows that passed through the model: those that are scored, and those of the two
    fits of the curvature.
    """
    fit_rows, fits = AttributeRequest.model_fields["fit_rows"].default, find_curvature(curvature).passes > 0
    for one in past:
        told = one.manifest.result
        fitted = find_curvature(one.manifest.spec["curvature"]).passes > 0
        if "rates" in told and told["device"] == best_device().type and fitted >= fits:
            rates = Rates.model_validate(told["rates"])
            return sum(Work.of(rows, steps, curvature, fit_rows).seconds(rates).values())
    pace = []
    for one in past:
        spec = one.manifest.spec
        passed = rows_passed(one.manifest.result["rows"], len(one.steps), spec["curvature"], spec["fit_rows"])
        pace.append(one.manifest.seconds / passed)
    passed = rows_passed(rows, steps, curvature, min(rows, fit_rows))
    return passed * statistics.median(pace) if pace else None


def rows_passed(rows: int, steps: int, curvature: str, fit_rows: int) -> int:
    """Rows that pass through the model, one counted as often as it does."""
    return steps * (rows + 2 * find_curvature(curvature).passes * fit_rows)


def attribution_form(view: View) -> bool:
    """Ask what to attribute, say what it amounts to, and start it as a job; whether it was started just now."""
    study, size = view.study, view.study.facts.batch_size
    proposed = propose(study, str(view.head), view.score, born_heads(study.name))
    if proposed.born is not None:
        st.caption(f"Filled in around the birth of {view.head}, near step {proposed.born:,.0f}.")
    left, right = st.columns(2)
    heads = left.text_input(
        "Heads: whose behaviour", str(view.head), max_chars=LONGEST,
        help="One head or several, as in L1H0, L1H2: influence is about the sum of what the probe measures.",
    )  # fmt: skip
    probe = right.selectbox(
        "Probe: what behaviour", list(PROBES), list(PROBES).index(view.probe),
        format_func=lambda name: name.replace("_", " "),
        help=" · ".join(f"{one.name.replace('_', ' ')}: {one.about}" for one in PROBES.values()),
    )  # fmt: skip
    through = left.selectbox(
        "Through whose parameters", [ALL_HEADS, SAME_HEADS],
        help="An induction head is also built through the heads before it; the paper looks at its own alone.",
    )  # fmt: skip
    curvature = right.selectbox(
        "Curvature", list(CURVATURES), format_func=curvature_words,
        help="How steep the loss is in each direction of the parameters. EK-FAC is the one to use; the others are "
        "there to compare with.",
    )  # fmt: skip
    steps = st.text_input(
        "Checkpoints", ", ".join(map(str, proposed.steps)), max_chars=LONGEST,
        help="Steps, as in 500, 600: gradients are taken at each of these and the scores summed.",
    )  # fmt: skip
    left, right = st.columns(2)
    start = left.number_input(
        "First row", 0, study.facts.rows - 1, proposed.rows[0], step=size,
        help=f"Rows are trained on in order, {size:,} a step: step 100 begins with row {100 * size:,}."
        if study.facts.in_order
        else NO_ORDER,
    )  # fmt: skip
    stop = right.number_input(
        "Up to row", 1, study.facts.rows, proposed.rows[1], step=size, help="The first row that is not scored."
    )
    which = left.selectbox(
        "Which of these rows", [ALL_ROWS, SOME_ROWS, *[ROWS_OF_STEPS] * study.facts.in_order],
        int(stop - start > MOST_ROWS),
        help="Rows are shuffled before training, so the first of a step are a random sample of it.",
    )  # fmt: skip
    few = None
    if which != ALL_ROWS:
        label, value = ("Rows in all", SAMPLE) if which == SOME_ROWS else ("Rows of each step", 1)
        few = int(right.number_input(label, 1, value=value, key=f"attribute-{which}"))
    try:
        named, taken = parse_heads(heads, study), parse_steps(steps, study)
    except UserError as error:
        st.warning(plain(str(error)))
        return False
    asked: dict[str, Any] = {
        "study": study.name,
        "steps": taken,
        "head": ",".join(named),
        "probe": probe,
        "through": "all" if through == ALL_HEADS else None,
        "rows": (start, stop),
        "sample": few if which == SOME_ROWS else None,
        "per_step": few if which == ROWS_OF_STEPS else None,
        "curvature": curvature,
    }
    return _launch(study, asked)


def parse_heads(text: str, study: Study) -> list[str]:
    """The heads named in `L1H0, L1H2`. Raises UserError for none, or one that the model lacks."""
    named = [str(study.sizes.check(Head.parse(part))) for part in text.split(",") if part.strip()]
    if not named:
        raise UserError("Name at least one head, as in L1H0.")
    return list(dict.fromkeys(named))


def parse_steps(text: str, study: Study) -> tuple[int, ...]:
    """The steps named in `500, 600`, ascending. Raises UserError for none, or one without a checkpoint."""
    try:
        steps = sorted({int(part) for part in text.split(",") if part.strip()})
    except ValueError:
        raise UserError(f"'{text}' is not a list of steps; write 500, 600.") from None
    if not steps:
        raise UserError("Name at least one checkpoint, as in 500.")
    for step in steps:
        study.check_step(step)
    return tuple(steps)


def _launch(study: Study, asked: dict[str, Any]) -> bool:
    """The button with what it starts in words, or why it cannot be started."""
    (start, stop), steps = asked["rows"], asked["steps"]
    try:
        study.check_range(start, stop)
        rows = _count(RowChoice(start=start, stop=stop, sample=asked["sample"], per_step=asked["per_step"]), study)
        request = checked(AttributeRequest, asked).model_dump(mode="json")
    except UserError as error:
        st.warning(plain(str(error)))
        return False
    past = attributions(study.name)
    seconds = expected_seconds(past, rows, len(steps), asked["curvature"])
    size = study.facts.batch_size
    by = "those" if len(past) > 1 else "the 1"
    takes = (
        "How long it takes is not known yet: this study has no attribution to go by."
        if seconds is None
        else f"About {in_words(seconds)}, going by {by} made before."
    )
    order = f" (training steps {start // size:,} to {(stop - 1) // size:,})" if study.facts.in_order else ""
    st.markdown(
        f"**{rows:,} row{'s' * (rows > 1)}**{order}, each scored at "
        f"**{len(steps)} checkpoint{'s' * (len(steps) > 1)}**. {takes}"
    )
    return st.button(
        "Attribute", icon=":material/play_arrow:", on_click=start_job, args=("attribute", request, study.name)
    )


def _count(choice: RowChoice, study: Study) -> int:
    """How many rows are chosen. Raises UserError where none is."""
    if choice.per_step is not None:
        return len(choice.numbers(study.facts.batch_size))
    return min(choice.stop - choice.start, choice.sample or choice.stop)
