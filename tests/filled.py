"""A cache with one tiny study and everything that a page can show, made by the real code in seconds."""

from __future__ import annotations

from pathlib import Path

from building import tiny_study

from mda.progress import Progress
from mda.workflows.attribute import attribute
from mda.workflows.attribution_task import AttributeRequest
from mda.workflows.head_scores import HeadsRequest, score_heads
from mda.workflows.retrain import RetrainRequest, retrain

NAME = "demo"  # so that no page starts to build the real one


def fill(cache: Path, name: str = NAME) -> str:
    """Make the study with everything a page can show; returns the attribution's id. Needs `MDA_CACHE`."""
    tiny_study(cache, name)
    score_heads(HeadsRequest(study=name), Progress())
    asked = AttributeRequest(
        study=name, steps=(10, 20), head="L1H1", through="all", rows=(40, 80), fit_rows=16, probe_sequences=16
    )
    attribution = str(attribute(asked, Progress())["id"])
    window = {"study": name, "from_step": 10, "to_step": 16, "until": 20, "every": 2}
    chosen = {"select": "top", "fraction": 0.2, "attribution": attribution}
    for replicate in (0, 1):
        retrain(RetrainRequest(**window, action="baseline", replicate=replicate), Progress())
        retrain(RetrainRequest(**window, **chosen, action="remove", replicate=replicate), Progress())
    return attribution
