"""`mda export`: the file, what it says of it, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

RETRAIN = ("retrain", "tiny", "--from", 10, "--to", 16, "--until", 20, "--every", 5)


@pytest.fixture
def attribution(study, mda) -> str:
    return mda("attribute", "tiny", "--step", 20, "--head", "L1H1", "--probe-sequences", 16, "--json").json["id"]


@pytest.fixture
def made(attribution, mda) -> dict[str, str]:
    """Ids of a baseline, an arm of the attribution, and one of rows by name."""
    chosen = ("--select", "top", "--fraction", 0.2, "--attribution", attribution)
    arms = {
        "baseline": ("--action", "baseline"),
        "top": ("--action", "remove", *chosen),
        "rows": ("--action", "remove", "--select", "rows", "--rows", "41,42"),
    }
    return {name: mda(*RETRAIN, *words, "--json").json["id"] for name, words in arms.items()}


def test_the_newest_attribution_and_what_it_chose(made, attribution, mda, tmp_path):
    path = tmp_path / "finding.html"
    told = mda("export", "tiny", "-o", path, "--json").json
    assert told["file"] == str(path)
    assert told["bytes"] == path.stat().st_size
    assert told["attribution"] == attribution
    assert sorted(told["retrains"]) == sorted([made["baseline"], made["top"]])
    page = path.read_text()
    assert page.startswith("<!doctype html>")
    assert made["top"] in page
    assert made["rows"] not in page


def test_a_file_is_written_over_only_when_asked(attribution, mda, tmp_path):
    path = tmp_path / "finding.html"
    path.write_text("mine")
    assert "is there already" in mda("export", "tiny", "-o", path).refusal
    assert path.read_text() == "mine"
    ran = mda("export", "tiny", "-o", path, "--force")
    assert ran.code == 0
    assert ran.out.startswith("The rows that promote L1H1 most")
    assert str(path) in ran.out
    assert path.read_text() != "mine"


def test_named_retrains_bring_their_baselines(made, mda, tmp_path):
    told = mda("export", "tiny", "--retrain", made["rows"], "-o", tmp_path / "a.html", "--json").json
    assert sorted(told["retrains"]) == sorted([made["baseline"], made["rows"]])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("export", "nope"), "There is no study 'nope'"),
        (("export", "tiny", "--attribution", "nope"), "has no attribution 'nope'"),
        (("export", "tiny", "--attribution", "../x"), "is not the id of an attribution"),
        (("export", "tiny", "--retrain", "nope"), "There is no retrain 'nope'"),
        (("export", "tiny", "--retrain", "../x"), "is not the id of a retrain"),
    ],
)
def test_refused(words, sentence, attribution, mda, tmp_path):
    assert sentence in mda(*words, "-o", tmp_path / "a.html").refusal
    assert not (tmp_path / "a.html").exists()


def test_a_retrain_of_another_attribution_is_refused(made, mda, tmp_path):
    other = mda("attribute", "tiny", "--step", 10, "--head", "L1H0", "--probe-sequences", 16, "--json").json["id"]
    ran = mda("export", "tiny", "--attribution", other, "--retrain", made["top"], "-o", tmp_path / "a.html")
    assert "chosen by another attribution" in ran.refusal


def test_without_an_attribution(study, mda, tmp_path):
    assert "make one with `mda attribute`" in mda("export", "tiny", "-o", tmp_path / "a.html").refusal


def test_places_that_cannot_be_written(attribution, mda, tmp_path, monkeypatch):
    assert "folder that exists" in mda("export", "tiny", "-o", tmp_path / "no" / "a.html").refusal
    assert "folder that exists" in mda("export", "tiny", "-o", tmp_path).refusal

    def full(self, target):
        raise OSError(28, "No space left on device")

    (tmp_path / "a.html").write_text("mine")
    monkeypatch.setattr(Path, "replace", full)
    assert "No space left" in mda("export", "tiny", "-o", tmp_path / "a.html", "--force").refusal
    assert [(path.name, path.read_text()) for path in tmp_path.glob("*.*")] == [("a.html", "mine")]


def test_an_explorer_that_writes_nothing_may_still_be_exported_from(attribution, mda, tmp_path, monkeypatch):
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    assert mda("export", "tiny", "-o", tmp_path / "a.html").code == 0
    assert mda("export", "tiny").code == 2  # no file named
