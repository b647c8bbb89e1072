"""Scores in bfloat16: what is rounded, and how far the order of rows agrees with that in fp32."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mda.evidence.reliability import spearman
from mda.progress import Progress
from mda.studies.attributions import MAIN, find_attribution, read_directions
from mda.workflows.attribute import attribute
from mda.workflows.attribution_task import AttributeRequest


def made(dtype, **options):
    asked = {"steps": (10, 20), "head": "L1H1", "through": "all", "fit_rows": 16, "probe_sequences": 32}
    request = AttributeRequest(study="tiny", **asked | options, dtype=dtype)
    return find_attribution(attribute(request, Progress())["id"])


def test_only_the_passes_that_score_are_rounded_and_the_agreement_is_stored(study):
    exact, short = made("float32"), made("bfloat16")
    assert exact.id != short.id
    for step in (10, 20):
        one, other = read_directions(exact.folder, step)[MAIN], read_directions(short.folder, step)[MAIN]
        assert all(torch.equal(one[block], other[block]) for block in one)
    a, b = exact.scores(), short.scores()
    assert list(a) == list(b)
    assert b["score"].dtype == np.float64
    assert (a["score"] != b["score"]).all()
    found = short.manifest.result["reliability"]
    # all 80 rows are in the reliability sample, so the agreement is that of the two tables
    assert found["rows"] == 80
    assert found["bfloat16"] == pytest.approx(spearman(a["score"].to_numpy(), b["score"].to_numpy()), abs=1e-4)
    assert found["bfloat16"] > 0.99
    assert found["by_head"]["L0H0"]["bfloat16"] > 0.95
    assert "bfloat16" not in exact.manifest.result["reliability"]
    for key in ("probe_halves", "label_seeds"):
        assert found[key] == exact.manifest.result["reliability"][key]
    assert short.title == f"{exact.title} · bfloat16"
    row = int(b["row"][7])
    assert short.token_influence(row).sum() == pytest.approx(b["score"][7], rel=1e-3)


@pytest.mark.parametrize(("agreement", "doubted"), [(0.949, True), (None, True), (0.951, False), (1.0, False)])
def test_a_low_agreement_is_a_doubt(study, agreement, doubted):
    found = made("bfloat16", steps=(20,))
    reliability = found.manifest.result["reliability"]
    reliability |= {"probe_halves": 1.0, "label_seeds": 1.0, "bfloat16": agreement}
    assert any("--dtype float32" in doubt for doubt in found.doubts) == doubted
    reliability.pop("bfloat16")
    assert found.doubts == []


def test_it_is_said_on_the_command_line(study, mda):
    command = ("attribute", "tiny", "--step", 20, "--head", "L1H1", "--dtype", "bfloat16", "--fit-rows", 16)
    told = mda(*command)
    assert "between bfloat16 and float32" in told.out
    name = mda(*command, "--json").json["id"]
    assert "between bfloat16 and float32" in mda("top", name).out
