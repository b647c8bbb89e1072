"""A running job's measurements as the tables that charts take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from mda.evidence.delay import BORN_LEVEL
from mda.heads.geometry import Head
from mda.workflows.live import LIVE_SCORES

_KEY = re.compile(r"(L\d{1,4}H\d{1,4})\.(\w+)")


def live_tables(records: Iterable[Mapping[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Head scores (step, layer, head, scores) and the model's (step, loss, …) of a training that runs.

    A step told twice, as after a resume, counts once: as told last.
    """
    heads = live_arms(records)
    places = [Head.parse(name) for name in heads["head"]]
    heads["layer"] = [place.layer for place in places]
    heads["head"] = [place.index for place in places]
    lines: dict[int, dict[str, Any]] = {}
    for record in records:
        if "step" in record:
            lines[int(record["step"])] = {k: v for k, v in record.items() if not _KEY.fullmatch(k)}
    models = pd.DataFrame([lines[step] for step in sorted(lines)])
    for column in models.columns.intersection(["loss", "induction_loss", "icl", "validation_loss"]):
        models[column] = models[column].astype(float)
    return heads.drop(columns=["arm", "replicate"]), models


def live_arms(records: Iterable[Mapping[str, Any]], only: str | None = None) -> pd.DataFrame:
    """Columns arm, replicate, step, head (`L1H3`) and the live scores; arm is empty where there are no arms.

    only: the one head that is wanted, since a large model has thousands of measurements.
    """
    lines: dict[tuple[str, int, int, str], dict[str, Any]] = {}
    for record in records:
        if "step" not in record:
            continue
        wanted = (
            record if only is None else [f"{only}.{score}" for score in LIVE_SCORES if f"{only}.{score}" in record]
        )
        for key in wanted:
            match, value = _KEY.fullmatch(key), record[key]
            if match is None:
                continue
            place = (str(record.get("arm", "")), int(record.get("replicate", 0)), int(record["step"]), match[1])
            line = lines.setdefault(place, dict(zip(("arm", "replicate", "step", "head"), place, strict=True)))
            line[match[2]] = float("nan") if value is None else float(value)
    return pd.DataFrame(list(lines.values()), columns=["arm", "replicate", "step", "head", *LIVE_SCORES])


def risen(heads: pd.DataFrame) -> dict[str, list[Head]]:
    """For each live score the heads whose last value is above the level of a born head, highest first."""
    if heads.empty:
        return {}
    last = heads[heads["step"] == heads["step"].max()]
    found = {}
    for score in LIVE_SCORES:
        above = last[last[score] >= BORN_LEVEL].sort_values(score, ascending=False)
        found[score] = [Head(int(h["layer"]), int(h["head"])) for h in above.to_dict("records")]
    return found
