"""What running work reports of its heads, for curves that grow while it runs."""

from __future__ import annotations

import pandas as pd

from mda.heads.geometry import Head

LIVE_SCORES = ("prefix_matching", "previous_token")


def live_scores(heads: pd.DataFrame) -> dict[str, float]:
    """`L1H3.prefix_matching` and so on, from a table of head scores with one line a head."""
    return {
        f"{Head(int(line['layer']), int(line['head']))}.{score}": float(line[score])
        for line in heads.to_dict("records")
        for score in LIVE_SCORES
    }
