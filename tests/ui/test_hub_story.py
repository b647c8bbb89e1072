"""What pages say of a study from the hub: its sources, the order of its rows, and kinds that rules tell."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from elsewhere import checkpoints_elsewhere, rows_elsewhere
from influencing import change, click, opened

from mda.hub.preshuffled import DEDUPED
from mda.jobs.files import new_job
from mda.studies.study import Study
from mda.ui.frame import notes
from mda.ui.home import local_text, order
from mda.ui.words.rows import kinds_note
from pages import go, home, words

pytestmark = pytest.mark.usefixtures("cache", "fresh")

REPO, COMMIT = "EleutherAI/pythia-14m", "c0ffee0" + "1" * 33
WARNING = "The rows of 'demo' are not in the order that its model was trained in."


@pytest.fixture
def hub_study(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study `demo` as if its checkpoints and rows had come from the hub, and were all here."""
    study = Study.open("demo")
    rows_elsewhere(monkeypatch, range(study.facts.rows))
    checkpoints_elsewhere(monkeypatch, study.steps)
    change(
        cache / "demo/study/manifest.json",
        hub={"repo": REPO, "commits": {str(step): COMMIT for step in study.steps}},
        preshuffled={"repo": DEDUPED, "commit": "beef" * 10},
        kinds=None,
    )


@pytest.mark.usefixtures("hub_study")
def test_the_story_names_its_sources_and_offers_a_check(launched: list[Any]) -> None:
    at = home()
    assert not at.exception
    said = words(at).replace("\\", "")
    assert f"Checkpoints: {REPO}, the last one at commit c0ffee0 · rows: {DEDUPED} at commit beefbee" in said
    assert "sources disagree on whether in this order" in said
    click(at, "Check the order")
    assert launched == [("check-order", {"study": "demo", "step": None, "rows": 128, "seed": 0}, "demo")]


@pytest.mark.usefixtures("hub_study")
def test_a_check_is_told_and_a_mismatch_is_a_warning_on_three_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    check = SimpleNamespace(words="The model was trained in the other order. At step 8, 40 ids never moved.")
    monkeypatch.setattr(order, "list_order_checks", lambda study: [check])
    at = home()
    assert "Order of training, checked: The model was trained in the other order." in words(at).replace("\\", "")
    assert not [button for button in at.button if button.label == "Check the order"]
    assert WARNING not in words(at).replace("\\", "")
    monkeypatch.setattr(notes, "order_warning", lambda study: WARNING)
    for at in (home(), opened(), go("pages/4_Row.py", row="50")):
        assert not at.exception
        assert WARNING in words(at).replace("\\", "")


@pytest.mark.usefixtures("hub_study")
def test_nothing_is_checked_in_a_read_only_explorer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    at = home()
    assert "sources disagree" in words(at)
    assert not [button for button in at.button if button.label == "Check the order"]


def test_other_studies_have_no_order_to_check() -> None:
    said = words(home())
    assert "Trained on the rows of" not in said
    assert "at commit" not in said


def helps(at: Any) -> str:
    return " ".join(str(element.help) for kind in (at.markdown, at.caption, at.subheader) for element in kind)


@pytest.mark.usefixtures("hub_study")
def test_kinds_told_by_rules_say_so_and_how_often_they_are_right(attribution: str) -> None:
    study = Study.open("demo")
    assert study.kinds is not None
    note = str(kinds_note(study))
    for at in (home(), opened(), go("pages/4_Row.py", row="50", head="L1H1", attribution=attribution)):
        assert not at.exception
        assert note in helps(at)
    at = go("pages/2_Attention.py", source="row", row="50")
    assert "told by rules" in words(at)


def test_labels_need_no_note(attribution: str) -> None:
    assert kinds_note(Study.open("demo")) is None
    at = go("pages/4_Row.py", row="50", head="L1H1", attribution=attribution)
    assert "by rules" not in helps(at) + words(at)


def test_the_note_has_the_measured_numbers() -> None:
    told = (Path(__file__).parents[2] / "docs" / "kinds.md").read_text()
    assert "Told rightly: 92.9 %" in told
    assert "Told rightly: 90.9 %" in told


def test_local_text_shows_its_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_text, "_COMMAND", Study.open("demo").manifest.spec["origin"])
    job = new_job(local_text._COMMAND, {"minutes": 20.0, "seed": 0}, "demo")
    told = {"step": 4, "loss": 2.0, "L0H1.prefix_matching": 0.2, "L0H1.previous_token": 0.1}
    job.metrics_path.write_text(json.dumps(told) + "\n")
    at = home()
    assert not at.exception
    assert len(at.get("progress")) == 2  # in the page and at the side
    assert f"live-{job.id}" in str(at)
