"""The page of heads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from mda.heads.geometry import Head
from mda.heads.model_scores import MODEL_SCORES
from mda.heads.scores import HEAD_SCORES
from mda.store.tables import read_parquet, write_parquet
from mda.ui.heads.formulas import FORMULAS
from mda.ui.heads.tables import birth_table, chosen_head, nearest_scored, scores_of
from mda.ui.words.plain import BORN_AS
from mda.workflows.head_scores import scores_caveats
from pages import go, words

PAGE = "pages/1_Heads.py"


@pytest.mark.usefixtures("cache")
def test_the_page_shows_grid_history_and_all_scores_of_the_head() -> None:
    at = go(PAGE, head="L0H1", step="10", score="copying")
    assert not at.exception
    assert len(at.get("plotly_chart")) == 2
    assert "Step 10. Click a square" in words(at)
    assert "raises that token's own logit" in words(at)
    assert [latex.value for latex in at.latex]
    assert at.dataframe[0].value["score"].tolist() == [name.replace("_", " ") for name in HEAD_SCORES]


def test_heads_page_offers_to_score_missing_checkpoints(cache: Path, launched: list) -> None:
    shutil.rmtree(cache / "demo" / "heads")
    at = go(PAGE)
    assert "No checkpoint has head scores" in words(at)
    next(button for button in at.button if button.label.startswith("Score the missing")).click().run()
    assert launched == [("heads", {"study": "demo", "steps": None, "preset": "varied"}, "demo")]


def test_a_step_without_scores_shows_the_nearest_that_has(cache: Path) -> None:
    for name in ("head_scores", "model_scores"):
        path = cache / "demo" / "heads" / f"{name}.parquet"
        table = read_parquet(path)
        write_parquet(table[table["step"] < 20], path)
    at = go(PAGE, step="20")
    assert not at.exception
    assert "2 of 3 checkpoints have head scores" in words(at)
    assert "Step 20 has no head scores; shown is step 10" in words(at)


def test_checkpoints_with_the_same_weights_are_told(cache: Path) -> None:
    at = go(PAGE)
    assert "same weights" not in words(at)
    path = cache / "demo" / "heads" / "model_scores.parquet"
    table = read_parquet(path)
    scores = list(MODEL_SCORES)
    table.loc[table["step"] == 20, scores] = table.loc[table["step"] == 10, scores].to_numpy()
    write_parquet(table, path)
    at = go(PAGE)
    assert "Steps 10 to 20 have the very same scores at their 2 checkpoints" in words(at)


def test_only_neighbours_that_agree_in_every_score_are_the_same() -> None:
    def table(*losses: float) -> pd.DataFrame:
        lines = [
            {"step": 1000 * k, **dict.fromkeys(MODEL_SCORES, loss), "validation_loss": loss + 0.5}
            for k, loss in enumerate(losses)
        ]
        return pd.DataFrame(lines, columns=["step", *MODEL_SCORES])

    assert scores_caveats(table()) == scores_caveats(table(1)) == scores_caveats(table(3, 2, 3)) == []
    two = scores_caveats(table(4, 4, 4, 3, 2, 2)[::-1])
    assert [told.split(" have")[0] for told in two] == ["Steps 0 to 2,000", "Steps 4,000 to 5,000"]
    almost = table(4.0, 4.0)
    almost.loc[1, "icl"] += 1e-12
    assert scores_caveats(almost) == []


def test_nothing_is_scored_where_nothing_may_be_written(
    cache: Path, launched: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(cache / "demo" / "heads")
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    at = go(PAGE)
    assert not at.exception
    assert "No checkpoint has head scores" in words(at)
    assert not [button for button in at.button if button.label.startswith("Score")]


def test_the_page_lists_the_heads_that_were_born(cache: Path) -> None:
    path = cache / "demo" / "heads" / "head_scores.parquet"
    table = read_parquet(path)
    table[["prefix_matching", "previous_token", "duplicate_token"]] = 0.01
    table.loc[(table["layer"] == 0) & (table["head"] == 1), "prefix_matching"] = 0.9
    write_parquet(table, path)
    at = go(PAGE, head="L1H0")
    births = at.dataframe[1].value
    assert births["head"].tolist() == ["L0H1"]
    assert births["birth_step"].isna().all()  # there from the first checkpoint
    table["prefix_matching"] = 0.01
    write_parquet(table, path)
    assert "No head was born" in words(go(PAGE))


def test_a_chosen_row_becomes_its_head_or_nothing() -> None:
    table = pd.DataFrame({"head": ["L1H0", "L0H1"]})
    assert chosen_head({"selection": {"rows": [1]}}, table) == "L0H1"
    for event in (None, {}, {"selection": {"rows": []}}, {"selection": {"rows": [2]}}):
        assert chosen_head(event, table) is None


def test_births_in_words_begin_with_induction_heads() -> None:
    lines = [("previous_token", 0, 1, 0.9), ("prefix_matching", 1, 2, 0.3), ("prefix_matching", 1, 3, 0.6)]
    born = pd.DataFrame(lines, columns=["score", "layer", "head", "final"]).assign(
        birth_step=[700.0, 800.0, float("nan")]
    )
    table = birth_table(born)
    assert table["head"].tolist() == ["L1H3", "L1H2", "L0H1"]
    assert table["kind"].tolist() == ["induction head", "induction head", "previous-token head"]
    assert birth_table(born.head(0)).empty


def test_scores_of_a_head_are_ranked_among_all() -> None:
    frame = pd.DataFrame({"layer": [0, 0, 1], "head": [0, 1, 0], **{key: [0.1, 0.3, 0.2] for key in HEAD_SCORES}})
    frame.loc[0, "copying"] = float("nan")
    assert scores_of(frame, Head(1, 0))["rank"].tolist() == ["2 of 3"] * 4 + ["2 of 2"]
    assert scores_of(frame, Head(0, 0))["rank"].iloc[-1] == "–"
    assert scores_of(frame, Head(5, 5)).empty


def test_the_nearest_scored_step_is_the_earlier_of_two() -> None:
    assert nearest_scored(pd.Series([0, 100, 200]), 150) == 100
    assert nearest_scored(pd.Series([0, 100, 200]), 200) == 200


def test_every_score_has_its_formula_and_every_birth_its_name() -> None:
    assert set(FORMULAS) == set(HEAD_SCORES)
    assert set(BORN_AS) <= set(HEAD_SCORES)
