"""Reads all that an exported finding holds; loads no model."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
import pandas as pd

from mda.corpora.rows import RemoteRows
from mda.errors import UserError
from mda.evidence.births import births
from mda.evidence.enrichment import enrichment
from mda.interventions.controls import matched_kind, random_control
from mda.interventions.selection import select_bottom, select_top
from mda.span_search import longest_repeats
from mda.spans import repeated_spans
from mda.store.hardware import code_version
from mda.studies.attributions import Attribution, list_attributions, open_attribution
from mda.studies.retrains import Retrain, find_retrain, list_retrains
from mda.studies.study import Study
from mda.ui.export.commands import replay
from mda.ui.export.experiments import experiments, with_baselines
from mda.ui.export.finding import (
    BOTTOM,
    LONGEST_REPEAT,
    RANDOM,
    SAME_KINDS,
    TOP,
    TRAINING_STEP,
    Finding,
    ShownRow,
)
from mda.ui.words.rows import kinds_note, rows_line
from mda.workflows.head_scores import head_table, model_table

SHOWN_ROWS = 10  # as text on either side
_FRACTION = 0.1  # of the scored rows, that TOP and BOTTOM speak of
_COMPARED_ROWS = 24_000  # intervals are narrow long before
_FEWEST_COMPARED, _COMPARED_TOKENS = 2_000, 4_000_000  # looked through for the longest repeats: seconds
_LIBRARIES = ("torch", "transformers", "numpy", "scipy", "pandas", "plotly")


def gather_by_id(study: str, attribution: str | None, retrains: Sequence[str] | None) -> Finding:
    """As `gather`, for ids; by default the newest attribution, and every retrain whose rows it chose.

    Baselines are found by themselves. Raises UserError for what there is not, and for retrains of another study or
    whose rows another attribution chose.
    """
    opened = Study.open(study)
    if attribution is not None:
        about = open_attribution(study, attribution)
    elif known := [one for one in list_attributions(study) if is_current(one, opened)]:
        about = known[0]
    else:
        raise UserError(
            f"Study '{study}' has no attribution, and so no finding yet; make one with `mda attribute`."
        )
    everything = list_retrains(study)
    if retrains is None:
        return gather(opened, about, used_by(about, everything))
    chosen = [find_retrain(name) for name in dict.fromkeys(retrains)]
    for one in chosen:
        if one.study != study:
            raise UserError(f"Retrain {one.id} belongs to study '{one.study}'; export it with that one.")
        if one.attribution not in (None, about.id):
            raise UserError(
                f"The rows of retrain {one.id} were chosen by another attribution; export it with "
                f"--attribution {one.attribution}."
            )
    return gather(opened, about, with_baselines(chosen, everything))


def is_current(made: Attribution | Retrain, study: Study) -> bool:
    """Whether it was made for this study, and not for an earlier one of the same name."""
    return bool(made.manifest.spec["study"] == study.manifest.identity)


def used_by(attribution: Attribution, retrains: Sequence[Retrain]) -> list[Retrain]:
    """The retrains whose rows the attribution chose, and their baselines."""
    return with_baselines([one for one in retrains if one.attribution == attribution.id], retrains)


def gather(study: Study, attribution: Attribution, retrains: Sequence[Retrain]) -> Finding:
    """The finding of one attribution of a study and of the retrains to show with it, baselines among them.

    Seconds for a million rows. Raises UserError where something of it cannot be read, or was made for an earlier
    study of this name.
    """
    parts: list[Attribution | Retrain] = [attribution, *retrains]
    for made in parts:
        if not is_current(made, study):
            raise UserError(f"{made.id} was made for an earlier study named '{study.name}'; make it again.")
    spec = attribution.manifest.spec
    scores = attribution.scores().sort_values("row", ignore_index=True)
    rows = scores["row"].to_numpy()
    if not study.facts.in_order:
        scores = scores.drop(columns="step", errors="ignore")
    scores["kind"] = scores["kind"].astype(object) if "kind" in scores else study.kind_names(rows)
    if "repeated" not in scores:  # as in attributions of earlier versions
        scores["repeated"] = study.shares(rows)
    heads = head_table(study.name)
    return Finding(
        study=study.name,
        about=_about(study),
        manifest=study.manifest,
        attribution=attribution,
        retrains=list(retrains),
        heads=heads,
        models=model_table(study.name),
        births=births(heads),
        scores=scores,
        made_of=_made_of(study, scores),
        promoting=_shown(study, scores, bottom=False),
        suppressing=_shown(study, scores, bottom=True),
        experiments=experiments(retrains, spec["heads"], spec["probe"]),
        commands=replay(study, attribution, retrains),
        versions={
            "mda": code_version(),
            "Python": platform.python_version(),
            **{name: version(name) for name in _LIBRARIES},
        },
        now=datetime.now(UTC),
    )


def _about(study: Study) -> str:
    sizes = study.sizes
    kinds = "" if kinds_note(study) is None else "; kinds of text are told by rules (docs/kinds.md)"
    return (
        f"{sizes.layers} layers of {sizes.heads} heads, d_model {sizes.d_model}; {rows_line(study)}; checkpoints "
        f"at {len(study.steps)} steps up to {study.steps[-1]:,}{kinds}"
    )


def _made_of(study: Study, scores: pd.DataFrame) -> pd.DataFrame:
    """What the strongest rows on both sides are made of, beside all rows and controls of the top from any step.

    Very many rows are represented by a random sample of them.
    """
    most = min(_COMPARED_ROWS, max(_FEWEST_COMPARED, _COMPARED_TOKENS // (study.facts.seq_len + 1)))
    if len(scores) > most:
        drawn = np.sort(np.random.default_rng(0).choice(len(scores), most, replace=False))
        scores = scores.take(drawn)
    values, rows = scores["score"].to_numpy(), scores["row"].to_numpy()
    top, source = select_top(values, _FRACTION), np.random.default_rng(0)
    groups = {TOP: top, BOTTOM: select_bottom(values, _FRACTION)}
    kinds = None if study.kinds is None else scores["kind"].to_numpy(str)
    if 2 * len(top) <= len(values):
        any_step = np.zeros(len(values), dtype=np.int64)
        groups[RANDOM] = random_control(top, any_step, source).rows
        if kinds is not None:
            groups[SAME_KINDS] = matched_kind(top, any_step, kinds, source).rows
    measures = {LONGEST_REPEAT: longest_repeats(study.rows[rows])} if study.rows_here(rows).all() else {}
    if "step" in scores:
        measures[TRAINING_STEP] = scores["step"].to_numpy()
    return enrichment(groups, kinds, scores["repeated"].to_numpy(), measures=measures)


def _shown(study: Study, scores: pd.DataFrame, bottom: bool) -> list[ShownRow]:
    """The rows at one end of the ranking, strongest first; ties go to the earlier row."""
    ends = scores.sort_values(["score", "row"], ascending=[bottom, True]).head(SHOWN_ROWS)
    if isinstance(study.rows, RemoteRows):
        study.rows.fetch(ends["row"].to_numpy())  # in one go
    return [
        ShownRow(
            rank=rank,
            row=line["row"],
            step=line.get("step"),
            score=line["score"],
            kind=line["kind"],
            repeated=line["repeated"],
            pieces=study.pieces(line["row"]),
            spans=[(span.length, span.starts) for span in repeated_spans(np.asarray(study.rows[line["row"]]))],
        )
        for rank, line in enumerate(ends.to_dict("records"), start=1)
    ]
