"""The form that adds a study, and the job that it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from influencing import click
from streamlit.testing.v1 import AppTest

from mda.errors import UserError
from mda.progress import Progress
from mda.ui.home import add
from mda.workflows import add_study
from mda.workflows.add_study import AddStudyRequest, add_from_hub, check_request
from pages import home, stopped_job, words

Launched = list[tuple[str, dict[str, Any], str]]


def source(at: AppTest, name: str) -> AppTest:
    return next(one for one in at.segmented_control if one.key == "add-source").set_value(name).run()


def typed(at: AppTest, label: str, text: str) -> AppTest:
    return next(box for box in at.text_input if box.label == label).set_value(text).run()


@pytest.mark.usefixtures("cache")
def test_a_pythia_is_added_by_name(launched: Launched) -> None:
    at = home()
    assert not at.exception
    models = next(box for box in at.selectbox if box.label == "Model")
    assert models.value == "EleutherAI/pythia-14m"
    assert len(models.options) > 60
    assert "Sources disagree" in words(at)
    models.set_value("EleutherAI/pythia-70m").run()
    said = words(at)
    assert "6 layers of 8 heads, d_model 512" in said
    assert "Row r was trained on at step r / 1,024" in said
    assert "some MB" in said
    click(at, "Add")
    wanted = {"study": "pythia-70m", "repo": "EleutherAI/pythia-70m", "dataset": None, "column": None, "keep": 0}
    assert launched == [("add-study", wanted, "pythia-70m")]
    assert not at.exception
    assert "Adding a study" in " ".join(str(bar.text) for bar in at.get("progress"))


@pytest.mark.usefixtures("cache")
def test_a_seed_has_rows_without_steps() -> None:
    at = home()
    next(box for box in at.selectbox if box.label == "Model").set_value("EleutherAI/pythia-14m-seed3").run()
    assert "an order of its own" in words(at)


@pytest.mark.usefixtures("cache")
def test_no_path_is_taken_for_a_name(launched: Launched) -> None:
    at = source(home(), "hub")
    for model, rows in (("/etc/passwd", "owner/texts"), ("owner/model", "../../etc")):
        typed(at, "Model", model)
        typed(at, "Rows: a data set of the hub", rows)
        assert "is not the name of a repository" in words(at).replace("\\", "")
        assert not [button for button in at.button if button.label == "Add"]
    assert not launched


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../../etc", "a/../b", "~/x", "C:/x", "owner/na me", "x", "a/b/c", ""]
)
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="not the name of a repository"):
        check_request(AddStudyRequest(study="mine", repo=name))
    with pytest.raises(UserError, match="not the name of a repository"):
        check_request(AddStudyRequest(study="mine", repo="owner/model", dataset=name))


@pytest.mark.usefixtures("cache")
def test_another_model_with_a_data_set(launched: Launched) -> None:
    at = source(home(), "hub")
    typed(at, "Model", "Some.Owner/My_GPT-NeoX")
    assert not [button for button in at.button if button.label == "Add"]
    typed(at, "Rows: a data set of the hub", "owner/texts")
    typed(at, "Column that holds the text", "body")
    typed(at, "Name of the study", "Mine!")
    assert "cannot be a study's name" in words(at).replace("\\", "")
    typed(at, "Name of the study", "mine")
    assert "downloaded and packed now" in words(at)
    click(at, "Add")
    assert launched[0][1] == {
        "study": "mine", "repo": "Some.Owner/My_GPT-NeoX", "dataset": "owner/texts", "column": "body", "keep": 0,
    }  # fmt: skip


def test_a_data_set_is_never_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "owner" / "texts").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for dataset in ("owner/texts", "owner/rows.npy", "owner/rows.parquet"):
        with pytest.raises(UserError, match="where the explorer runs"):
            check_request(AddStudyRequest(study="mine", repo="owner/model", dataset=dataset))
    check_request(AddStudyRequest(study="mine", repo="owner/model", dataset="owner/others"))


def test_the_job_checks_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(add_study, "add_hub_study", lambda *_, **__: pytest.fail("nothing was to be added"))
    for asked in ({"repo": "../x"}, {"repo": "a/b", "dataset": "/etc/passwd"}, {"repo": "a/b", "study": "../x"}):
        with pytest.raises(UserError):
            add_from_hub(AddStudyRequest(**{"study": "mine", **asked}), Progress())


@pytest.mark.usefixtures("cache")
def test_where_it_leads_once_it_is_done() -> None:
    stopped_job("add-study", "done", study="demo")
    assert "Added last: demo" in words(home())
    stopped_job("add-study", "failed", "EleutherAI/pythia has no revision", study="other")
    assert "has no revision" in words(home()).replace("\\", "")


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("variable", ["MDA_READ_ONLY", "HF_HUB_OFFLINE"])
def test_where_nothing_can_be_added(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "1")
    at = home()
    assert not at.exception
    assert not [button for button in at.button if button.label == "Add"]
    assert ("HF_HUB_OFFLINE is set" in words(at).replace("\\", "")) == (variable == "HF_HUB_OFFLINE")


@pytest.mark.usefixtures("cache")
def test_text_of_this_machine(launched: Launched) -> None:
    at = source(home(), "text")
    click(at, "Find text and train")
    assert launched == [("local-text", {"minutes": 20.0, "seed": 0}, "local-text")]
    assert not at.exception


@pytest.mark.parametrize(
    ("repo", "name"),
    [
        ("EleutherAI/pythia-1.4b", "pythia-1.4b"),
        ("a/My Model!", "my-model-"),
        ("a/__x", "x"),
        ("", ""),
        ("a/" + "b" * 90, "b" * 64),
    ],
)
def test_names_made_from_repositories(repo: str, name: str) -> None:
    assert add._name_for(repo) == name
