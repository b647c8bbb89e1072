"""What an attribution keeps while it is made, and how its results are put together from that.

Scores of rows come in parts of any size, each with the numbers of its rows. Those of the reliability sample hold a
column more for every set of directions and head: `first_half/L1H3`.
"""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mda.errors import UserError
from mda.evidence.reliability import spearman
from mda.store.tables import read_parquet, write_parquet
from mda.studies.attributions import MAIN
from mda.studies.study import Study
from mda.workflows.attribution_task import AttributionTask

SETS = (MAIN, "first_half", "second_half", "other_labels")  # of directions
EXACT = "exact"  # the scores in fp32 of an attribution in bfloat16


def write_part(folder: Path, step: int, frame: pd.DataFrame) -> None:
    """Keep the scores of some rows: columns row and the heads', at the first step those of `about_rows`, and of
    rows of the reliability sample those of the other sets."""
    write_parquet(frame, folder / f"part-{step}-rows-{frame['row'].iloc[0]}-{frame['row'].iloc[-1]}.parquet")


def rows_left(folder: Path, step: int, rows: np.ndarray) -> np.ndarray:
    """Those of the rows that no part of the step has yet. The parts say themselves which rows they hold, so that
    parts of another size are neither lost nor taken for others."""
    done = [read_parquet(path, ["row"])["row"].to_numpy() for path in _parts(folder, step)]
    return rows[~np.isin(rows, np.concatenate(done))] if done else rows


def about_rows(study: Study, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The repeated share float32 of each of the rows and, where the study has kinds, their codes uint8."""
    codes = study.kind_codes(rows)
    about = {"repeated": study.shares(rows).astype(np.float32)}
    return about if codes is None else {**about, "kind": codes.astype(np.uint8)}


def joined(task: AttributionTask, folder: Path) -> pd.DataFrame:
    """The table of `Attribution.scores` from the parts of all steps. Raises UserError for scores that are not
    finite."""
    study, columns = task.study, [str(head) for head in task.question.through]
    by_step = {step: _whole(folder, step, task.rows) for step in task.steps}
    heads = reduce(pd.DataFrame.add, [one[columns] for one in by_step.values()])
    frame = pd.DataFrame({"row": task.rows})
    if study.facts.in_order:
        frame["step"] = study.step_of(task.rows)
    frame["score"] = heads.sum(axis=1)
    if len(columns) > 1:
        frame = frame.join(heads)
    if len(task.steps) > 1:
        for step, one in by_step.items():
            frame[f"score_at_{step}"] = one[columns].sum(axis=1)
    if not np.isfinite(frame["score"]).all():
        raise UserError(
            "Some influence scores are not finite: the gradients overflow at this checkpoint; choose another step."
        )
    first = by_step[task.steps[0]]
    frame["repeated"] = first["repeated"]
    if "kind" in first:
        frame["kind"] = pd.Categorical.from_codes(first["kind"].astype(np.int64), pd.Index(study.kinds or []))
    return frame


def reliability(task: AttributionTask, folder: Path) -> dict[str, Any]:
    """Spearman between the two halves of the probe and between two label seeds of the fit, on a sample of rows; of
    an attribution in bfloat16 also between its scores and those in fp32.

    `by_head` has the same for every column where there are several.
    """
    steps = [_whole(folder, step, task.rows) for step in task.steps]
    sums = reduce(pd.DataFrame.add, [one[np.isin(task.rows, task.checked_rows)] for one in steps])
    heads = [str(head) for head in task.question.through]
    exact = f"{EXACT}/" if task.bfloat16 else ""
    pairs = {"probe_halves": ("first_half/", "second_half/"), "label_seeds": (exact, "other_labels/")}
    if task.bfloat16:
        pairs["bfloat16"] = ("", exact)

    def agreement(columns: list[str]) -> dict[str, float]:
        def values(name: str) -> np.ndarray:
            return sums[[name + column for column in columns]].sum(axis=1).to_numpy()

        return {key: spearman(values(one), values(other)) for key, (one, other) in pairs.items()}

    by_head = {head: agreement([head]) for head in heads} if len(heads) > 1 else {}
    return {**agreement(heads), "rows": len(sums), "by_head": by_head}


def _parts(folder: Path, step: int) -> list[Path]:
    return sorted(folder.glob(f"part-{step}-rows-*.parquet"))


def _whole(folder: Path, step: int, rows: np.ndarray) -> pd.DataFrame:
    frame = pd.concat([read_parquet(path) for path in _parts(folder, step)]).sort_values("row", ignore_index=True)
    if not np.array_equal(frame["row"], rows):
        raise UserError(
            f"The parts in {folder} are not those of its rows; delete that folder and attribute again."
        )
    return frame
