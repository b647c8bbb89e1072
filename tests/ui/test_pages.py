"""What holds for every page: filled, empty, unknown choices, broken and outdated studies."""

from __future__ import annotations

from pathlib import Path

import pytest

from pages import go, home, words

PAGES = tuple(f"pages/{name}.py" for name in ("1_Heads", "2_Attention", "3_Influence", "4_Row", "5_Retrain"))


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
    assert "There is no study yet. The first page builds the demo" in words(at)


@pytest.mark.parametrize("page", PAGES)
def test_without_a_study_a_read_only_explorer_promises_none(
    page: str, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    at = go(page)
    assert not at.exception
    assert "There is no study yet" in words(at)
    assert "builds the demo" not in words(at)


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
    at = at.switch_page("pages/5_Retrain.py").run().switch_page(PAGES[0]).run()
    assert at.selectbox(key="head").value == "L0H1"
    assert at.select_slider(key="step").value == 10


def test_a_broken_study_is_one_sentence(cache: Path) -> None:
    (cache / "demo" / "study" / "manifest.json").write_text("{}")
    at = home()
    assert not at.exception
    assert "is not a whole artefact" in words(at)


def test_results_of_an_earlier_study_are_told(cache: Path) -> None:
    settings = cache / "demo" / "heads" / "settings.json"
    settings.write_text('{"identity": "x", "settings": {"study": "another"}}')
    assert "made for an earlier study" in words(go(PAGES[0]))
