"""Words, live tables, the nearest choice, and the plan of an experiment."""

from __future__ import annotations

import pandas as pd

from mda.heads.geometry import Head
from mda.progress import time_left
from mda.ui.frame.choices import nearest
from mda.ui.frame.live import live_arms, live_tables, risen
from mda.ui.words.plain import listed, plain, rounded
from mda.ui.words.story import born_by_score, sentences


def test_markdown_shows_names_as_they_are() -> None:
    assert plain("![x](http://a.b)") == r"\!\[x\]\(http\:\/\/a\.b\)".replace(r"\/", "/")
    assert plain(":red[x] $y$ <b>") == r"\:red\[x\] \$y\$ \<b\>"


def test_numbers_are_rounded_to_what_they_deserve() -> None:
    assert [rounded(x) for x in (0.0321, -1.26, 21.4, 0, 0.00001234, float("nan"))] == [
        "+0.032",
        "-1.3",
        "+21",
        "0",
        "+1.2e-05",
        "undefined",
    ]
    assert [time_left(x) for x in (None, 0.2, 80, 200, 9000)] == [
        "",
        "about 1 s left",
        "about 80 s left",
        "about 3 min left",
        "about 2.5 h left",
    ]
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_the_nearest_of_numbers_and_names() -> None:
    assert nearest("1234", [0, 1000, 2000], 2000) == 1000
    assert nearest("many", [0, 1000], 1000) == 1000
    assert nearest("L1H9", ["L0H0", "L1H3"], "L0H0") == "L1H3"
    assert nearest("", ["demo"], "demo") == "demo"


def test_live_records_become_tables() -> None:
    records = [
        {"step": 100, "loss": 4.0, "icl": None, "L0H1.prefix_matching": 0.02, "L0H1.previous_token": 0.9},
        {"step": 200, "loss": 3.0, "icl": -0.1, "L0H1.prefix_matching": 0.3, "L0H1.previous_token": None},
        {"step": 100, "loss": 4.5, "icl": None, "L0H1.prefix_matching": 0.03, "L0H1.previous_token": 0.8},
        {"note": "no step"},
    ]
    heads, models = live_tables(records)
    assert models["step"].tolist() == [100, 200]
    assert models["loss"].tolist() == [4.5, 3.0]  # told again after a resume: the last counts
    assert heads[["layer", "head"]].drop_duplicates().to_numpy().tolist() == [[0, 1]]
    assert risen(heads) == {"prefix_matching": [Head(0, 1)], "previous_token": []}
    empty_heads, empty_models = live_tables([])
    assert empty_heads.empty
    assert empty_models.empty
    assert risen(empty_heads) == {}


def test_live_arms_are_told_apart() -> None:
    records = [
        {"arm": arm, "replicate": k, "step": 10, "L1H3.prefix_matching": 0.1, "induction_loss": 1.0}
        for arm in ("baseline", "remove top 10 %")
        for k in (0, 1)
    ]
    assert len(live_arms(records)) == 4
    assert live_arms([]).empty


def test_the_story_names_heads_by_what_they_became() -> None:
    born = pd.DataFrame(
        [
            {"layer": 1, "head": 3, "score": "prefix_matching", "final": 0.5, "birth_step": 1512.0},
            {"layer": 1, "head": 2, "score": "prefix_matching", "final": 0.6, "birth_step": float("nan")},
            {"layer": 0, "head": 1, "score": "previous_token", "final": 0.9, "birth_step": 1300.0},
        ]
    )
    first, second = sentences(born)
    assert first.startswith("Induction heads: **L1H2** there from the first checkpoints")
    assert "**L1H3** born near step 1,510" in first
    assert second.startswith("Previous-token head: **L0H1**")
    assert born_by_score(born)["prefix_matching"] == [Head(1, 2), Head(1, 3)]
    assert sentences(born.head(0)) == []
