"""The first page: its sentences on tables, the demo being built, parts that are missing, several studies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mda.heads.geometry import Head
from mda.jobs.files import new_job
from mda.store.tables import append_jsonl, read_parquet, write_parquet
from mda.studies.attributions import list_attributions
from mda.studies.study import Study
from mda.ui.frame import jobs_panel
from mda.ui.frame.selection import View
from mda.ui.home.findings import compared, main_change, told_attribution, told_experiment
from mda.ui.words.story import Change, composition, effect, reliability, sentences, whose
from pages import home, stopped_job, words

REMOVAL = Change("remove", "top", 0.1, 400, 700)


def arm(select: str, delay: float, low: float | None, high: float | None, **more: Any) -> dict[str, Any]:
    line = {"select": select, "score": "prefix_matching", "head": "L1H0 + L1H2", "replicates": 3, "censored": 0}
    changed = {"change": -0.02, "change_low": -0.05, "change_high": 0.01, "note": ""}
    return {**line, **changed, "delay": delay, "delay_low": low, "delay_high": high, **more}


def told(*arms: dict[str, Any], change: Change = REMOVAL) -> str:
    return effect(pd.DataFrame(list(arms)), change)


def test_more_than_every_control_is_said_with_intervals() -> None:
    said = told(
        arm("top", 48, 45, 51), arm("bottom", -2, -9, 4), arm("random", 15, 8, 25), arm("matched-kind", 6, 2, 14)
    )
    assert said.startswith(
        "Removing the top 10 % of rows from steps 400 to 700 delayed the birth of L1H0 and L1H2"
    )
    assert "by **48 steps** (+45 to +51)" in said
    assert "more than each of its 2 controls (+6 to +15)" in said
    assert "more than its control: random rows +15." in told(arm("top", 48, 45, 51), arm("random", 15, 8, 25))


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ([arm("top", 20, 8, 30), arm("random", 5, -4, 12)], "overlaps with that of random rows +5, so this"),
        ([arm("top", 20, 8, 30), arm("random", 25, 20, 30)], "But so did what should do nothing, as much or more"),
        ([arm("top", 3, -4, 9), arm("random", 1, 0, 2)], "did not clearly move the birth of L1H0 and L1H2: **+3"),
        ([arm("top", 20, 8, 30)], "No control was run"),
        ([arm("top", 20, 8, 30), arm("random", float("nan"), None, None)], "No control was run"),
        ([arm("top", 20, None, None, replicates=1), arm("random", 5, None, None)], "One run is mostly noise"),
        ([arm("top", -9, -12, -6), arm("random", 1, -1, 3)], "brought the birth of L1H0 and L1H2 forward by **9"),
        ([arm("top", 90, 80, 99, censored=2)], "**at least 90 steps** (+80 to +99)"),
        ([arm("top", 90, 80, 99, censored=2)], "In 2 of 3 replicates no birth was seen at all"),
        ([arm("top", float("nan"), None, None, note="half born")], "no delay that can be measured: half born"),
        ([arm("top", float("nan"), None, None, note="half born")], "changed by **-0.02** (-0.05 to +0.01)"),
    ],
)  # fmt: skip
def test_the_effect_claims_no_more_than_its_intervals(arms: list[dict[str, Any]], said: str) -> None:
    assert said in told(*arms)


def test_controls_of_an_earlier_birth_are_compared_on_its_side() -> None:
    doubled = Change("duplicate", "top", 0.1, 400, 700)
    said = told(arm("top", -9, -12, -6), arm("random", -8, -11, -7), change=doubled)
    assert said.startswith("Training twice on the top 10 % of rows")
    assert "overlaps with that of random rows -8" in said
    assert "more than its control" in told(arm("top", -9, -12, -6), arm("random", 4, 1, 8), change=doubled)


def test_rows_chosen_by_hand_have_no_share() -> None:
    said = told(arm("rows", 4, 1, 8), change=Change("remove", "rows", None, 400, 700))
    assert said.startswith("Removing rows chosen by hand from steps")


def made_of(share: float, kinds: dict[str, tuple[float, float]], width: float = 0.02) -> pd.DataFrame:
    """Top rows of this repeated share against 0.5; kinds: share among the top rows and among all."""
    lines = []
    for place, (group, repeated) in enumerate((("top 10 %", share), ("all rows", 0.5))):
        lines.append((group, "mean repeated share", "", repeated))
        lines += [(group, "kind share", kind, both[place]) for kind, both in kinds.items()]
    table = pd.DataFrame(lines, columns=["group", "measure", "kind", "value"])
    return table.assign(low=table["value"] - width, high=table["value"] + width, rows=100)


def test_the_composition_names_repetition_and_the_kinds_that_differ() -> None:
    said = composition(
        made_of(0.7, {"code": (0.3, 0.1), "prose": (0.1, 0.4), "log": (0.2, 0.2)}), "top 10 %", ["L1H0"]
    )
    assert said.startswith(
        "The rows that promote **L1H0** most repeat themselves: 70 % of such a row is repeated text"
    )
    assert "3.0 times as much code and 0.2 times as much prose" in said
    assert "log" not in said
    none = composition(made_of(0.7, {"code": (0.3, 0.1), "latex": (0.0, 0.1)}), "top 10 %", ["L1H0"])
    assert none.endswith("As against all rows, 3.0 times as much code and no latex at all.")
    assert "repeat themselves less" in composition(made_of(0.3, {}), "top 10 %", ["L1H0"])
    assert "no more and no less" in composition(made_of(0.51, {}), "top 10 %", ["L1H0"])
    assert "much as everywhere" in composition(made_of(0.7, {"code": (0.5, 0.5)}), "top 10 %", ["L1H0"])
    wide = composition(made_of(0.7, {"code": (0.3, 0.1)}, width=0.2), "top 10 %", ["L1H0"])
    assert "code" not in wide
    assert r"\<b\>" in composition(made_of(0.7, {"<b>": (0.3, 0.1)}), "top 10 %", ["L1H0"])
    assert whose([f"L0H{n}" for n in range(24)]) == "24 heads"


@pytest.mark.parametrize(
    ("halves", "fits", "begins"),
    [
        (0.99, 0.98, "Stable: "),
        (0.9, 1.0, "Fairly stable: "),
        (0.5, 1.0, "**Read single rows with care.**"),
        (None, 0.99, "How far the ranking depends on the draw is not known"),
        (0.9, float("nan"), "How far the ranking depends on the draw is not known"),
    ],
)
def test_reliability_in_words(halves: float | None, fits: float, begins: str) -> None:
    said = reliability({"probe_halves": halves, "label_seeds": fits, "rows": 100})
    assert said.startswith(begins)
    assert ("undefined" in said) == begins.startswith("How")


def test_births_are_named_up_to_three_of_a_kind() -> None:
    line = {"layer": 1, "score": "prefix_matching", "birth_step": 700.0}
    born = pd.DataFrame([{**line, "head": head, "final": 0.2 + head / 10} for head in range(5)])
    (said,) = sentences(born)
    assert said.startswith(
        "Induction heads: **L1H4** born near step 700 (prefix matching 0.60 at the end), **L1H3**"
    )
    assert said.endswith("(0.40), and 2 more.")


def test_the_demo_is_started_once(empty_cache: Path, launched: list) -> None:
    at = home()
    assert not at.exception
    assert [(command, study) for command, _, study in launched] == [("demo", "demo")]
    at.run()
    at.run()
    assert len(launched) == 1
    assert "Building the demo" in " ".join(str(bar.text) for bar in at.get("progress"))


def test_nothing_is_started_where_nothing_may_be_written(
    empty_cache: Path, launched: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    at = home()
    assert not at.exception
    assert not launched
    assert "There is no study in its cache" in words(at)
    assert not at.button


@pytest.mark.parametrize("state", ["failed", "cancelled", "interrupted"])
def test_a_stopped_demo_waits_for_its_user(
    state: str, empty_cache: Path, launched: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stopped_job("demo", state, "the disk is full")
    append_jsonl(job.metrics_path, {"step": 100, "loss": 4.0, "L0H1.prefix_matching": 0.1})
    resumed: list[str] = []
    monkeypatch.setattr(jobs_panel, "resume", lambda job: resumed.append(job.id))
    at = home()
    assert not at.exception
    assert not launched
    assert "at 40 %" in words(at)
    assert ("the disk is full" in words(at)) == (state != "cancelled")
    at.button(key=f"resume-{job.id}").click().run()
    assert resumed == [job.id]
    at.button(key=f"dismiss-{job.id}").click().run()
    assert "at 40 %" not in words(at)


def test_a_deleted_demo_is_not_built_again_unasked(empty_cache: Path, launched: list) -> None:
    stopped_job("demo", "done")
    at = home()
    assert not launched
    next(button for button in at.button if button.label == "Build the demo again").click().run()
    assert [command for command, *_ in launched] == ["demo"]


def charts(at: Any) -> int:
    return len(at.get("plotly_chart"))


@pytest.mark.usefixtures("cache")
def test_the_story_has_four_parts_with_a_figure_each(attribution: str) -> None:
    at = home()
    assert not at.exception
    said = words(at)
    assert [element.value for element in at.subheader if element.value.endswith("?")][:4] == [
        "When were its heads born?",
        "What built L1H1?",
        "What happens without them?",
        "How far can the scores be trusted?",
    ]
    assert "The rows that promote **L1H1** most" in said
    assert "two halves of the probe agree at" in said
    assert charts(at) >= 3  # the effect has one where a head was born
    assert "All studies" not in said


def test_while_the_demo_is_scored_its_curves_stand_for_the_story(cache: Path) -> None:
    shutil.rmtree(cache / "demo" / "heads")
    job = new_job("demo", {"steps": 200}, "demo")
    append_jsonl(
        job.metrics_path, {"step": 100, "loss": 4.0, "L0H1.prefix_matching": 0.1, "L0H1.previous_token": 0}
    )
    at = home()
    assert not at.exception
    assert charts(at) == 1
    assert "When were its heads born?" not in words(at)


def test_while_the_demo_is_attributed_the_births_are_told(cache: Path) -> None:
    shutil.rmtree(cache / "demo" / "attributions")
    new_job("demo", {"steps": 200}, "demo")
    at = home()
    assert not at.exception
    assert "When were its heads born?" in words(at)
    assert "The job above scores the rows next" in words(at)


def test_every_missing_part_says_what_is_missing(cache: Path) -> None:
    for folder in ("heads", "attributions", "retrains"):
        shutil.rmtree(cache / "demo" / folder)
    at = home()
    assert not at.exception
    for said in (
        "No checkpoint of this study has head scores yet",
        "No training row has a score yet",
        "Nothing has been retrained without its top rows yet",
        "there is none yet",
    ):
        assert said in words(at)
    assert charts(at) == 0


def test_partly_scored_checkpoints_are_told(cache: Path) -> None:
    path = cache / "demo" / "heads" / "head_scores.parquet"
    table = read_parquet(path)
    write_parquet(table[table["step"] < 20], path)
    assert "Scored so far: 2 of 3 checkpoints" in words(home())


def test_arms_without_their_baseline_are_no_experiment_yet(cache: Path) -> None:
    for folder in (cache / "demo" / "retrains").glob("baseline*"):
        if folder.is_dir():
            shutil.rmtree(folder)
    at = home()
    assert not at.exception
    assert "Nothing has been retrained without its top rows yet" in words(at)


@pytest.mark.usefixtures("cache")
def test_the_story_takes_the_newest_attribution_and_experiment_of_the_chosen_head() -> None:
    study = Study.open("demo")
    (only,) = list_attributions("demo")
    mine, other = (View(study, Head(layer, 1), 20, "prefix_matching") for layer in (1, 0))
    assert told_attribution(mine) == only
    assert told_attribution(other) == only  # rather any than none
    arms = told_experiment(mine)
    assert [one.replicate for one in arms] == [1, 0]
    assert main_change(arms) == Change("remove", "top", 0.2, 10, 16)
    lines = compared(arms, main_change(arms), "prefix_matching")
    assert lines["select"].unique().tolist() in ([], ["top"])


def test_results_of_an_earlier_study_are_not_told(cache: Path) -> None:
    for manifest in cache.glob("demo/*/*/manifest.json"):
        content = json.loads(manifest.read_text())
        if "study" in content["spec"]:
            content["spec"]["study"] = "another"
            manifest.write_text(json.dumps(content))
    at = home()
    assert not at.exception
    assert "What built L1H1?" not in words(at)


def test_several_studies_are_cards_and_a_broken_one_is_a_sentence(cache: Path) -> None:
    for name in ("second", "third"):
        shutil.copytree(cache / "demo", cache / name)
    shutil.rmtree(cache / "second" / "heads")
    (cache / "third" / "study" / "manifest.json").write_text("{}")
    at = home()
    assert not at.exception
    said = words(at)
    assert "All studies" in said
    assert "**demo** · shown above" in said
    assert "**second**" in said
    assert "No head scores yet" in said
    assert "is not a whole artefact" in said
    assert "1 attribution · 4 retrains" in said
    assert "All studies" in words(home(study="second"))
