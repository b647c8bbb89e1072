"""When each head was born, from its head scores over all checkpoints of a study."""

import numpy as np
import pandas as pd

from mda.evidence.delay import BORN_LEVEL, crossing, final_level

BIRTH_SCORES = ("prefix_matching", "previous_token", "duplicate_token")
"""Head scores that a head can be born into."""


def births(head_scores: pd.DataFrame) -> pd.DataFrame:
    """Heads that were born, one line per head and score.

    head_scores: columns `step`, `layer`, `head` and any of BIRTH_SCORES, one line per step and head, any
    order; a missing score (NaN) is skipped. A head counts as born into a score when its final level (mean of
    its last three checkpoints) reaches BORN_LEVEL. Returns columns `layer`, `head`, `score`, `final`,
    `birth_step`, sorted by layer, head and score. The birth step is the interpolated step at which the
    running mean of three checkpoints first reaches half of the final level; NaN when it is there from the
    first checkpoints on.
    """
    lines = []
    present = [score for score in BIRTH_SCORES if score in head_scores.columns]
    ordered = head_scores.sort_values("step")
    for (layer, head), history in ordered.groupby(["layer", "head"]):
        for score in present:
            known = history[history[score].notna()]
            if known.empty:
                continue
            values = known[score].to_numpy(dtype=np.float64)
            final = final_level(values)
            if final < BORN_LEVEL:
                continue
            step = crossing(known["step"].to_numpy(), values, final / 2)
            lines.append((layer, head, score, final, step if np.isfinite(step) else np.nan))
    table = pd.DataFrame(lines, columns=["layer", "head", "score", "final", "birth_step"])
    return table.sort_values(["layer", "head", "score"], ignore_index=True)
