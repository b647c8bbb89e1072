"""An exported finding: whole, alone in its file, true to its tables, and safe whatever its rows hold."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mda.ui.export.tables as export_tables
import mda.workflows.attribute as attributing
import mda.workflows.retrain as retraining
from mda.errors import UserError
from mda.progress import Progress
from mda.studies.attributions import list_attributions, open_attribution
from mda.studies.retrains import BASELINE, list_retrains
from mda.studies.study import Study
from mda.ui.export.commands import probe_sequences, ranges
from mda.ui.export.finding import Finding
from mda.ui.export.gather import gather, gather_by_id
from mda.ui.export.page import finding_html
from mda.ui.export.sentences import headline
from mda.workflows.attribution_task import AttributeRequest, AttributionTask
from mda.workflows.retrain import RetrainRequest, retrain

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)> $x$ **b** \u202e\u200b 😀 &amp;"


class Parts(HTMLParser):
    """The elements of a page with their attributes, its text, and the content of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text.append(data)

    def links(self) -> dict[str, bytes]:
        """Contents of the downloads by file name."""
        found = {}
        for tag, attributes in self.elements:
            name, address = attributes.get("download"), attributes.get("href")
            if tag == "a" and name and address:
                assert re.match(r"data:(text/csv|application/json);base64,", address)
                found[name] = base64.b64decode(address.partition(",")[2])
        return found


@pytest.fixture
def finding(cache: Path) -> Finding:
    return gather_by_id("demo", None, None)


def test_it_is_gathered_and_written_without_streamlit_and_without_models() -> None:
    code = (
        "import sys, mda.ui.export.gather, mda.ui.export.page; "
        "print('streamlit' in sys.modules, 'transformers' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split()[0] == "False"


def test_no_model_is_loaded(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Study, "load", lambda self, step: pytest.fail("a model was loaded"))
    assert finding_html(gather_by_id("demo", None, None))


def test_the_page_is_a_function_of_the_finding(finding: Finding, cache: Path) -> None:
    page = finding_html(finding)
    shutil.rmtree(cache)
    assert finding_html(finding) == page


def test_the_file_is_alone_and_runs_only_what_was_written_here(finding: Finding) -> None:
    page = finding_html(finding)
    parts = Parts(page)
    title = headline(finding)
    assert f"<title>{html.escape(title)}</title>" in page
    assert f"<h1>{html.escape(title)}</h1>" in page
    tags = {tag for tag, _ in parts.elements}
    assert not tags & {"link", "img", "iframe", "object", "embed", "form", "base"}
    for tag, attributes in parts.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert "src" not in attributes
        assert tag != "a" or "download" in attributes
    (policy,) = [a["content"] for tag, a in parts.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http" not in policy
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" in policy
    assert "script-src 'unsafe-inline'" not in policy
    allowed = re.findall(r"'(sha256-[^']+)'", policy)
    kinds = [attributes.get("type") for tag, attributes in parts.elements if tag == "script"]
    run = [script for script, kind in zip(parts.scripts, kinds, strict=True) if kind is None]
    assert [f"sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}" for s in run] == allowed
    assert {kind for kind in kinds if kind is not None} == {"application/json"}
    assert page.count("plotly.js v") == 1


def test_the_data_are_the_tables(finding: Finding, attribution: str) -> None:
    links = Parts(finding_html(finding)).links()
    scores = pd.read_csv(io.BytesIO(links["scores.csv"]))
    stored = open_attribution("demo", attribution).scores().sort_values("row", ignore_index=True)
    stored["kind"] = stored["kind"].astype(str)
    pd.testing.assert_frame_equal(scores[list(stored.columns)], stored, rtol=1e-8, check_dtype=False)
    assert set(scores.columns) >= {"kind", "repeated"}
    for name, table in (("head_scores", finding.heads), ("made_of", finding.made_of)):
        read = pd.read_csv(io.BytesIO(links[f"{name}.csv"]))
        if "kind" in read:
            read["kind"] = read["kind"].fillna("")  # of a measure that is not about one
        pd.testing.assert_frame_equal(read, table.reset_index(drop=True), rtol=1e-8, check_dtype=False)
    curves = pd.read_csv(io.BytesIO(links["curves.csv"]))
    for one in list_retrains("demo"):
        mine = curves[(curves["arm"] == one.label) & (curves["replicate"] == one.replicate)]
        metrics = one.metrics()
        mine = mine[list(metrics.columns)].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, metrics, rtol=1e-8, check_dtype=False)
    told = links["specifications.json"].decode()
    for made in (finding.attribution, *finding.retrains):
        assert made.manifest.identity in told


def test_of_very_many_rows_both_ends_are_kept(finding: Finding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_tables, "MOST_ROWS", 30)
    monkeypatch.setattr(export_tables, "END_ROWS", 5)
    page = finding_html(finding)
    scores = pd.read_csv(io.BytesIO(Parts(page).links()["scores.csv"]))
    ranked = finding.scores.sort_values("score", ascending=False)["row"].tolist()
    assert sorted(scores["row"]) == sorted(ranked[:5] + ranked[-5:])
    assert "of 40 rows only the 5 highest and the 5 lowest scores" in page


def test_whatever_a_corpus_holds_stays_text(finding: Finding) -> None:
    plain = Parts(finding_html(finding))
    row = replace(finding.promoting[0], pieces=[HOSTILE, "<b>", "\u202e", "x" * 10_000], kind=HOSTILE)
    hostile = replace(
        finding,
        study=HOSTILE,
        promoting=[row, *finding.promoting[1:]],
        scores=finding.scores.assign(kind=HOSTILE),
        made_of=finding.made_of.replace({"kind": {name: f"{name}{HOSTILE}" for name in _kinds(finding)}}),
    )
    page = finding_html(hostile)
    parts = Parts(page)
    assert len(parts.scripts) == len(plain.scripts)
    known = {tag for tag, _ in plain.elements} | {"em"}  # which says how much of a long token is left out
    assert {tag for tag, _ in parts.elements} <= known
    assert not [name for _, attributes in parts.elements for name in attributes if name.startswith("on")]
    assert "<img" not in page.replace("\\u003cimg", "")
    assert "\u202e" not in "".join(parts.text).replace(HOSTILE, "")  # of rows it is spelled out


def _kinds(finding: Finding) -> list[str]:
    return [kind for kind in finding.made_of["kind"].unique() if kind]


def test_nothing_tells_where_it_was_made(finding: Finding, cache: Path, filled: tuple[Path, str]) -> None:
    page = finding_html(finding)
    for folder in (cache, filled[0], filled[0].parent / "demo-sources", Path(__file__).parents[2]):
        assert str(folder) not in page


def test_commands_make_the_same_artefacts(
    finding: Finding, attribution: str, mda: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked in the same cache they find what is there: the same identity."""

    def never(*arguments: object) -> None:
        raise AssertionError("computed anew")

    monkeypatch.setattr(attributing, "_build", never)
    monkeypatch.setattr(retraining, "_train", never)
    study, heads, attribute, *arms, compare = [line.split() for line in finding.commands]
    assert study[:4] == ["mda", "study", "add", "demo"]
    assert "CHECKPOINTS" in study
    assert study[-2:] == ["--batch-size", "4"]
    assert heads == ["mda", "heads", "demo"]
    assert mda(*attribute[1:], "--json").json["id"] == attribution
    made = [mda(*arm[1:], "--json").json["id"] for arm in arms]
    assert sorted(made) == sorted(one.id for one in list_retrains("demo"))
    assert all(
        arm[arm.index("--action") + 1] == BASELINE for arm in arms[::2]
    )  # first what others are held against
    assert mda(*compare[1:], "--json").code == 0


def test_rows_chosen_by_hand_are_named_again(cache: Path, mda: Callable[..., Any]) -> None:
    window = {"study": "demo", "from_step": 10, "to_step": 16, "until": 20, "every": 2}
    rows = (41, 42, 43, 50)
    made = [
        retrain(RetrainRequest(**window, action="remove", select="rows", rows=rows), Progress())["id"],
        retrain(RetrainRequest(**window, action="remove", select="random", rows=rows), Progress())["id"],
    ]
    found = gather_by_id("demo", None, made)
    lines = [line for line in found.commands if "--rows 41:44,50" in line]
    assert sorted(mda(*line.split()[1:], "--json").json["id"] for line in lines) == sorted(made)
    assert "remove rows (" in finding_html(found)
    alone = gather_by_id("demo", None, made[1:])
    assert any("--rows ROWS" in line for line in alone.commands)


@pytest.mark.parametrize("count", [16, 17, 23, 100, 512, 777])
def test_the_number_of_probe_sequences_is_told_by_their_digests(count: int, cache: Path) -> None:
    request = AttributeRequest(study="demo", steps=(20,), head="L1H1", probe_sequences=count, seed=3)
    task = AttributionTask(request)
    assert probe_sequences(task.study.facts, task.spec()) == count


def test_ranges() -> None:
    assert ranges(pd.Series([1, 3, 4, 5, 9]).to_numpy()) == "1,3:6,9"
    assert ranges(pd.Series([7]).to_numpy()) == "7"


def test_an_arm_without_its_baseline_is_told(cache: Path) -> None:
    (baseline,) = [one for one in list_retrains("demo") if one.label == BASELINE and one.replicate == 1]
    shutil.rmtree(baseline.folder)
    page = finding_html(gather_by_id("demo", None, None))
    assert "Without a baseline, and so only among the curves: remove-top-0.2" in page


def test_a_bare_attribution_is_a_finding_too(cache: Path) -> None:
    shutil.rmtree(cache / "demo" / "heads")
    shutil.rmtree(cache / "demo" / "retrains")
    found = gather_by_id("demo", None, None)
    page = finding_html(found)
    assert headline(found).startswith("The rows that promote L1H1 most")
    assert "The births of heads" not in page
    assert "curves.csv" not in page


def test_what_does_not_belong_together_is_refused(cache: Path) -> None:
    with pytest.raises(UserError, match="has no attribution 'nope'"):
        gather_by_id("demo", "nope", None)
    with pytest.raises(UserError, match="There is no retrain 'nope'"):
        gather_by_id("demo", None, ["nope"])
    study = Study.open("demo")
    earlier = replace(study, manifest=study.manifest.model_copy(update={"identity": "0" * 64}))
    with pytest.raises(UserError, match="made for an earlier study"):
        gather(earlier, list_attributions("demo")[0], [])
    shutil.rmtree(cache / "demo" / "attributions")
    with pytest.raises(UserError, match="has no attribution"):
        gather_by_id("demo", None, None)
