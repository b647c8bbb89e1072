"""What an attribution keeps while it is made, and how its results are put together from that.

Scores of rows come in parts of any size, each with the numbers of its rows; the scores of the reliability sample
are one file a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from mda.errors import UserError
from mda.evidence.reliability import spearman
from mda.store.tables import read_parquet, write_parquet
from mda.store.tensors import read_tensors, write_tensors
from mda.studies.attributions import MAIN
from mda.studies.study import Study
from mda.workflows.attribution_task import AttributionTask

SETS = (MAIN, "first_half", "second_half", "other_labels")  # of directions


def write_part(folder: Path, step: int, frame: pd.DataFrame) -> None:
    """Keep the scores of some rows: columns row and the heads', at the first step also those of `about_rows`."""
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


def write_checks(folder: Path, step: int, scores: Mapping[str, np.ndarray], probe_value: float) -> None:
    """Keep the scores of the reliability sample at a step, `scores` [sets, heads, n] and where asked `bfloat16`
    [1, heads, n], with the value of the probe."""
    tensors = {name: torch.from_numpy(found) for name, found in scores.items()}
    value = torch.tensor(probe_value, dtype=torch.float64)
    write_tensors(folder / f"check-{step}.safetensors", {**tensors, "probe_value": value})


def probe_value(folder: Path, step: int) -> float:
    """The value of the probe at a step."""
    return float(_checks(folder, step)["probe_value"])


def reliability(task: AttributionTask, folder: Path) -> dict[str, Any]:
    """Spearman between the two halves of the probe and between two label seeds of the fit, on a sample of rows; of
    an attribution in bfloat16 also between its scores and those in fp32.

    `by_head` has the same for every column where there are several.
    """
    sums = reduce(
        lambda one, other: {name: one[name] + other[name] for name in one},
        [_checks(folder, step) for step in task.steps],
    )
    sets = dict(zip(SETS, sums["scores"].numpy(), strict=True))
    if task.bfloat16:
        sets["bfloat16"] = sums["bfloat16"][0].numpy()
    pairs = {"probe_halves": ("first_half", "second_half"), "label_seeds": (MAIN, "other_labels")}
    if task.bfloat16:
        pairs["bfloat16"] = (MAIN, "bfloat16")

    def agreement(column: slice | int) -> dict[str, float]:
        def values(name: str) -> np.ndarray:
            return np.atleast_2d(sets[name][column]).sum(0)

        return {key: spearman(values(one), values(other)) for key, (one, other) in pairs.items()}

    heads = task.question.through
    by_head = {str(head): agreement(number) for number, head in enumerate(heads)} if len(heads) > 1 else {}
    return {**agreement(slice(None)), "rows": len(task.checked_rows), "by_head": by_head}


def _checks(folder: Path, step: int) -> dict[str, torch.Tensor]:
    return read_tensors(folder / f"check-{step}.safetensors")


def _parts(folder: Path, step: int) -> list[Path]:
    return sorted(folder.glob(f"part-{step}-rows-*.parquet"))


def _whole(folder: Path, step: int, rows: np.ndarray) -> pd.DataFrame:
    frame = pd.concat([read_parquet(path) for path in _parts(folder, step)]).sort_values("row", ignore_index=True)
    if not np.array_equal(frame["row"], rows):
        raise UserError(
            f"The parts in {folder} are not those of its rows; delete that folder and attribute again."
        )
    return frame
