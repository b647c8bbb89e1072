"""How long arms will take, from how long earlier ones took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from mda.studies.retrains import Retrain
from mda.studies.study import BUILT_HERE, Study
from mda.workflows.retrain_task import RetrainRequest


@dataclass(frozen=True)
class Pace:
    """Seconds of one training step and of one look at all heads, and how many arms they were measured on."""

    step: float
    look: float
    arms: int

    def seconds(self, arms: Sequence[RetrainRequest]) -> float:
        """How long these arms take, one after another."""
        sizes = [_size(arm.from_step, arm.until or arm.to_step, arm.every) for arm in arms]
        return sum(self.step * steps + self.look * looks for steps, looks in sizes)


def measured_pace(found: Sequence[Retrain]) -> Pace | None:
    """The pace of stored arms; None where there are none.

    All of them on as many rows a step. Arms of one size are represented by their median, since some shared the
    machine with other work. Where arms did not time their steps and looks (`pace`), these are told apart (least
    squares, neither negative) only where some have more looks to a step than others; else a step's seconds hold
    its share of a look.
    """
    by_size: dict[tuple[int, int], list[float]] = {}
    for one in found:
        spec = one.manifest.spec
        steps, looks = _size(spec["from"], spec["until"], spec["every"])
        timed = one.manifest.result.get("pace")
        if timed is None:
            by_size.setdefault((steps, looks), []).append(one.manifest.seconds)
        else:
            by_size.setdefault((steps, 0), []).append(steps * timed["step"])
            by_size.setdefault((0, looks), []).append(looks * timed["look"])
    if not by_size:
        return None
    sizes = np.array(list(by_size), dtype=np.float64)
    seconds = np.array([np.median(times) for times in by_size.values()])
    weights = np.sqrt([len(times) for times in by_size.values()])
    if np.linalg.matrix_rank(sizes / sizes.max(0), tol=0.02) == 2:
        step, look = nnls(sizes * weights[:, None], seconds * weights)[0]
    else:
        step, look = np.average(seconds / sizes[:, 0], weights=weights**2), 0.0
    return Pace(float(step), float(look), len(found))


def building_pace(study: Study) -> Pace | None:
    """The pace of building a study, before there is any arm; None for one that was not trained by this program."""
    steps = study.facts.trained // study.facts.batch_size
    if study.manifest.spec.get("origin") not in BUILT_HERE or not steps:
        return None
    return Pace(study.manifest.seconds / steps, 0.0, 0)


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `1.5 h`: rounded to what an estimate deserves."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(start: int, until: int, every: int) -> tuple[int, int]:
    """Steps and looks of an arm: one at the start, one every few steps, one at the end."""
    return until - start, -(-(until - start) // every) + 1
