"""The small tables of the page of heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mda.heads.geometry import Head
from mda.heads.scores import HEAD_SCORES
from mda.ui.words.plain import BORN_AS, name_of


def birth_table(born: pd.DataFrame) -> pd.DataFrame:
    """The births in words: head, kind of head, score, final level, step; the best of each kind first."""
    table = born.sort_values(["score", "final"], ascending=[True, False], ignore_index=True)
    order = {score: place for place, score in enumerate(BORN_AS)}
    table = table.sort_values("score", key=lambda column: column.map(order), kind="stable", ignore_index=True)
    return pd.DataFrame(
        {
            "head": [
                str(Head(int(layer), int(head))) for layer, head in zip(table["layer"], table["head"], strict=True)
            ],
            "kind": [BORN_AS[score] for score in table["score"]],
            "score": [name_of(score) for score in table["score"]],
            "final": table["final"],
            "birth_step": table["birth_step"],
        }
    )


def chosen_head(event: Mapping[str, Any] | None, table: pd.DataFrame) -> str | None:
    """The head of the row that was chosen in a table with a column `head`; None where none is chosen any more."""
    rows = ((event or {}).get("selection") or {}).get("rows") or []
    return str(table["head"].iloc[rows[0]]) if rows and 0 <= rows[0] < len(table) else None


def scores_of(at_step: pd.DataFrame, head: Head) -> pd.DataFrame:
    """Every score of a head: `score`, `value` and `rank` among all heads (`1 of 8`); empty if the head has none.

    at_step: columns layer, head and the scores, one line a head.
    """
    mine = (at_step["layer"] == head.layer) & (at_step["head"] == head.index)
    lines = []
    for score in HEAD_SCORES if mine.any() else ():
        value = float(at_step.loc[mine, score].iloc[0])
        known = at_step[score].dropna()
        rank = f"{int((known > value).sum()) + 1} of {len(known)}" if value == value else "–"
        lines.append({"score": name_of(score), "value": value, "rank": rank})
    return pd.DataFrame(lines, columns=["score", "value", "rank"])


def nearest_scored(steps: pd.Series, step: int) -> int:
    """Of the steps of a table, the one nearest to `step`; the earlier of two."""
    return int(min(set(steps), key=lambda there: (abs(there - step), there)))
