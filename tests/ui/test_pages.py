"""Every page in every state: filled, empty, unknown choices, jobs that run or stopped. No browser."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mda.jobs.files import Job, JobStatus, new_job
from mda.store.tables import append_jsonl
from mda.ui.frame import jobs_panel

PAGES = ("pages/1_Heads.py", "pages/3_Influence.py", "pages/5_Retrain.py")


def home(**query: str) -> AppTest:
    page = AppTest.from_file("../../app.py", default_timeout=60)
    for key, value in query.items():
        page.query_params[key] = value
    return page.run()


def go(page: str, **query: str) -> AppTest:
    """A page, opened with these parameters."""
    at = home()
    for key, value in query.items():
        at.query_params[key] = value
    return at.switch_page(page).run()


def words(at: AppTest) -> str:
    kinds = (at.header, at.subheader, at.markdown, at.caption, at.info, at.warning, at.error)
    return " ".join(str(element.value) for elements in kinds for element in elements)


def stopped_job(command: str, state: str, message: str = "", study: str = "demo") -> Job:
    job = new_job(command, {"study": study}, study)
    job.write_status(JobStatus(state=state, fraction=0.4, heartbeat=time.time(), message=message))
    return job


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any], str]]:
    """What pages launch, instead of launching it: the job stays queued."""
    found: list[tuple[str, dict[str, Any], str]] = []

    def launch(command: str, arguments: dict[str, Any], study: str) -> Job:
        found.append((command, arguments, study))
        return new_job(command, arguments, study)

    monkeypatch.setattr(jobs_panel, "launch", launch)
    return found


@pytest.mark.usefixtures("cache")
def test_every_page_shows_the_filled_study() -> None:
    at = home()
    assert not at.exception
    assert "2 layers of 2 heads" in words(at)
    assert "Read the rows" not in words(at)  # a link, not text
    for page in PAGES:
        at = at.switch_page(page).run()
        assert not at.exception
        assert not at.error


@pytest.mark.parametrize("page", PAGES)
def test_without_a_study_pages_point_to_the_first(page: str, empty_cache: Path, launched: list) -> None:
    at = go(page)
    assert not at.exception
    assert "There is no study yet" in words(at)


def test_the_demo_is_started_once(empty_cache: Path, launched: list) -> None:
    at = home()
    assert not at.exception
    assert [(command, study) for command, _, study in launched] == [("demo", "demo")]
    at.run()
    at.run()
    assert len(launched) == 1
    assert "Building the demo" in " ".join(str(bar.text) for bar in at.get("progress"))


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


@pytest.mark.usefixtures("cache")
def test_unknown_choices_in_the_url_are_told_and_the_nearest_is_shown() -> None:
    assert "no study 'dem'" in words(home(study="dem"))
    at = go(PAGES[0], head="L1H9", step="11", score="no such")
    assert not at.exception
    told = words(at)
    for said in ("no head 'L1H9'", "no checkpoint at step '11'", "no head score 'no such'"):
        assert said in told
    assert at.selectbox(key="head").value in ("L1H0", "L1H1")
    assert at.select_slider(key="step").value == 10
    at.selectbox(key="head").select("L0H1").run()
    assert "L1H9" not in words(at)
    assert at.query_params["head"] in ("L0H1", ["L0H1"])


@pytest.mark.usefixtures("cache")
def test_markup_in_the_url_stays_text() -> None:
    at = home(study="![x](http://example.org/x.png)")
    assert not at.exception
    assert r"\!\[x\]\(http\:" in words(at)


@pytest.mark.usefixtures("cache")
def test_choices_move_along_between_pages() -> None:
    at = go(PAGES[0], head="L0H1", step="10")
    assert at.selectbox(key="head").value == "L0H1"
    at = at.switch_page(PAGES[2]).run().switch_page(PAGES[0]).run()
    assert at.selectbox(key="head").value == "L0H1"
    assert at.select_slider(key="step").value == 10


def test_heads_page_offers_to_score_missing_checkpoints(cache: Path, launched: list) -> None:
    shutil.rmtree(cache / "demo" / "heads")
    at = go(PAGES[0])
    assert "No checkpoint has head scores" in words(at)
    next(button for button in at.button if button.label.startswith("Score the missing")).click().run()
    assert launched == [("heads", {"study": "demo", "steps": None, "preset": "varied"}, "demo")]


@pytest.mark.usefixtures("cache")
def test_influence_shows_rows_of_both_sides(attribution: str) -> None:
    at = go(PAGES[1], show="3", tokens="true")
    assert not at.exception
    shown = [str(element.proto.body) for element in at.get("html")]
    assert sum("repeated · row" in body for body in shown) == 6
    assert sum("background: rgba" in body and "title=" in body for body in shown) == 6
    assert attribution in at.selectbox(key="attribution").options


def test_influence_without_attributions_has_its_form_and_launches(cache: Path, launched: list) -> None:
    shutil.rmtree(cache / "demo" / "attributions")
    at = go(PAGES[1])
    assert "has no attribution yet" in words(at)
    next(button for button in at.button if button.label == "Attribute").click().run()
    assert not at.exception
    command, arguments, study = launched[0]
    assert (command, study) == ("attribute", "demo")
    assert arguments["steps"] == [20]
    assert arguments["rows"] == [0, 80]
    assert arguments["through"] == "all"


@pytest.mark.usefixtures("cache")
def test_retrain_says_what_it_will_do_and_does_that(launched: list, attribution: str) -> None:
    at = go(PAGES[2])
    assert "**15 arms**, one after another" in words(at)
    assert "**4 of the window's 40 rows**" in words(at)
    next(button for button in at.button if button.label == "Retrain").click().run()
    command, arguments, study = launched[0]
    assert (command, study, len(arguments["arms"])) == ("retrains", "demo", 15)
    assert arguments["arms"][0]["action"] == "baseline"
    assert arguments["arms"][1]["attribution"] == attribution


def test_retrain_tells_of_a_missing_baseline(cache: Path) -> None:
    for folder in (cache / "demo" / "retrains").glob("baseline*"):
        if folder.is_dir():
            shutil.rmtree(folder)
    at = go(PAGES[2])
    assert not at.exception
    assert "has no baseline yet" in words(at)


def test_a_broken_study_is_one_sentence(cache: Path) -> None:
    (cache / "demo" / "study" / "manifest.json").write_text("{}")
    at = home()
    assert not at.exception
    assert "is not a whole artefact" in words(at)


def test_results_of_an_earlier_study_are_told(cache: Path) -> None:
    settings = cache / "demo" / "heads" / "settings.json"
    settings.write_text('{"identity": "x", "settings": {"study": "another"}}')
    assert "made for an earlier study" in words(go(PAGES[0]))


def test_several_studies_are_listed(cache: Path) -> None:
    shutil.copytree(cache / "demo", cache / "second")
    at = home()
    assert not at.exception
    assert "**second**" in words(at)
    assert "Other studies" in words(at)
