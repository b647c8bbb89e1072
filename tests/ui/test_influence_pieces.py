"""What the page of influence reads and says, piece by piece."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from mda.evidence.births import births
from mda.studies.attributions import Attribution, list_attributions
from mda.studies.study import Study
from mda.ui.influence.about import trust_line
from mda.ui.influence.filters import kinds_text, parse_kinds, parse_repeated, parse_share, parse_step
from mda.ui.influence.form import expected_seconds, propose, rows_passed
from mda.ui.influence.page import matching_scores
from mda.ui.influence.query import RowQuery, ranked, select
from mda.ui.influence.search import rows_holding, runs_of


@pytest.mark.usefixtures("cache")
def test_runs_are_read_with_and_without_a_space() -> None:
    study = Study.open("demo")
    assert study.tokenizer is not None
    the = study.tokenizer.convert_tokens_to_ids(" the")
    assert runs_of(study, "the").runs == [[the]]
    assert runs_of(study, "  ").runs == []
    assert runs_of(study, "the zebra").unknown == ["zebra"]
    name = study.pieces(41)[5]
    for text in (name, "Bari", "("):
        for run in runs_of(study, text).runs:
            held = rows_holding(study, list_attributions("demo")[0], [run])
            slow = [r for r in range(40, 80) if f",{','.join(map(str, run))}," in f",{_joined(study, r)},"]
            assert held.rows.tolist() == slow
            assert held.unseen == 0


def _joined(study: Study, row: int) -> str:
    return ",".join(map(str, study.rows[row].tolist()))


@pytest.mark.parametrize("kinds", [["a"], ["a,b", "c d"], ["100 %", "ü&", ""]])
def test_kinds_survive_the_address(kinds: list[str]) -> None:
    assert parse_kinds(kinds_text(kinds), [*kinds, "other"]) == kinds
    assert parse_kinds("unknown", kinds) is None


def test_numbers_of_the_address_are_bounded() -> None:
    assert [parse_share(text) for text in ("10", "0.1", "50", "51", "0", "nan", "x", "9" * 400)] == [
        10.0, 0.1, 50.0, None, None, None, None, None,
    ]  # fmt: skip
    assert [parse_step(text) for text in ("12", "-1", "1e3", "9" * 13)] == [12, None, None, None]
    assert [parse_repeated(text) for text in ("0-100", "20-20", "30-20", "0-101", "a-b")] == [
        (0, 100), (20, 20), None, None, None,
    ]  # fmt: skip


def test_reliability_in_words() -> None:
    def line(halves: float | None, seeds: float | None) -> str:
        return trust_line({"probe_halves": halves, "label_seeds": seeds, "rows": 2048})

    assert line(0.98, 0.99).startswith("**Reliable ranking**: two halves of the probe agree at **0.98**")
    assert line(0.85, 0.99).startswith("**Fairly reliable")
    assert line(0.98, 0.5).startswith("**Unreliable")
    assert "an undefined value" in line(float("nan"), None)


def test_time_is_told_by_what_was_done_before() -> None:
    def one(seconds: float, rows: int, steps: int, curvature: str, fit_rows: int) -> Any:
        spec = {"curvature": curvature, "fit_rows": fit_rows}
        manifest = SimpleNamespace(seconds=seconds, result={"rows": rows}, spec=spec)
        return SimpleNamespace(manifest=manifest, steps=list(range(steps)))

    # 2,000, 500 and 1,000 rows that passed: 0.05, 0.1 and 0.9 s each
    past: list[Attribution] = [
        one(100, 1000, 2, "identity", 7), one(50, 100, 1, "ekfac", 100), one(900, 1000, 1, "identity", 7),
    ]  # fmt: skip
    assert rows_passed(100, 1, "ekfac", 100) == 500
    assert expected_seconds(past, 500, 2, "identity") == pytest.approx(100)
    assert expected_seconds(past, 4000, 1, "ekfac") == pytest.approx(0.1 * (4000 + 4 * 2048))
    assert expected_seconds([], 500, 2, "ekfac") is None


@pytest.mark.usefixtures("cache")
def test_the_form_begins_around_the_birth() -> None:
    study = Study.open("demo")
    levels = dict(zip(range(0, 24, 2), [0.0] * 6 + [0.5] * 6, strict=True))
    history = pd.DataFrame(
        [{"step": step, "layer": 1, "head": 0, "prefix_matching": level} for step, level in levels.items()]
    )
    found = propose(study, "L1H0", "prefix_matching", births(history))
    assert found.born is not None
    assert 8 < found.born < 14
    assert found.steps == [0, 10]
    assert found.rows[0] < found.born * study.facts.batch_size < found.rows[1] <= study.facts.trained
    assert propose(study, "L0H0", "prefix_matching", births(history)).born is None


def test_matches_of_a_query_can_be_taken_along() -> None:
    table = pd.DataFrame({"row": [7, 8, 9], "step": 1, "score": [0.1, 3.0, -1.0], "repeated": [0.0, 0.5, 1.0]})
    ranking = ranked(table)
    found = select(ranking, RowQuery(share=0.5, repeated=(0.5, 1.0)))
    taken = matching_scores(table, ranking, found)
    assert taken["row"].tolist() == [8, 9]
    assert taken["rank"].tolist() == [1, 3]
