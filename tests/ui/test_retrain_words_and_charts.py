"""Sentences about delays, and the charts of delays, doses and curves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from mda.evidence.dose import responses
from mda.studies.retrains import Retrain
from mda.ui.charts.colours import GREY, arm_colours
from mda.ui.charts.delays import DelayLine, delay_words, delays_figure, dose_figure
from mda.ui.charts.retrain import CurvesPanel, arms_figure, curves_figure, heads_figure
from mda.ui.retrain.experiments import Experiment
from mda.ui.retrain.findings import dose_finding, few_replicates, finding


def line(mean: float, low: float | None = None, high: float | None = None, **more: Any) -> DelayLine:
    runs = (mean,) if low is None else (low, mean, high)
    return DelayLine(more.pop("name", "top"), "#D55E00", mean, low, high, runs, **more)


def experiment(*selections: str) -> Experiment:
    spec = {"action": "remove", "fraction": 0.1, "from": 400, "to": 700}
    arms = {
        name: [cast(Retrain, SimpleNamespace(manifest=SimpleNamespace(spec={**spec, "select": name})))]
        for name in selections
    }
    return Experiment("k", ("", "", ""), spec, arms)


def compared(**delays: float) -> pd.DataFrame:
    """Arms as `evidence.compare.summarise` tells them, with intervals of 3 steps to each side."""
    lines = [
        {"arm": arm.replace("_", "."), "head": "L1H0 + L1H2", "score": "prefix_matching", "delay": delay,
         "delay_low": delay - 3, "delay_high": delay + 3, "change": 0.0, "change_low": 0.0, "change_high": 0.0,
         "censored": 0, "replicates": 3, "note": ""}
        for arm, delay in delays.items()
    ]  # fmt: skip
    return pd.DataFrame(lines)


def test_an_experiment_is_told_in_the_words_of_the_story() -> None:
    table = compared(k_bottom=-2, k_random=15, k_top=48, other_random=99)
    assert finding(experiment("top", "random", "bottom"), table) == (
        "Removing the top 10 % of rows from steps 400 to 700 delayed the birth of L1H0 and L1H2 by **48 steps** "
        "(+45 to +51), more than its control: random rows +15."
    )


def test_without_the_tested_arm_the_next_is_told() -> None:
    one = experiment("top", "random", "bottom")
    assert finding(one, compared(k_random=15, k_bottom=-2)).startswith("Removing the bottom 10 % of rows")
    assert finding(one, compared(k_random=15)).startswith("Removing a random 10 % of rows")
    assert finding(one, compared(other_top=15)) == ""


def test_few_replicates_are_cautioned_about() -> None:
    assert "With 3 they are too narrow" in few_replicates([line(4, 1, 9)])
    assert few_replicates([line(4)]) == ""
    assert few_replicates([DelayLine("top", GREY, 4.0, 1.0, 9.0, (1.0, 2.0, 3.0, 4.0, 9.0))]) == ""


def test_the_dose_is_told_in_steps_per_cent() -> None:
    slopes = pd.DataFrame(
        {"selection": ["top", "random"], "slope": [4.9, 1.8], "low": [4.6, np.nan], "high": [5.3, np.nan],
         "replicates": [3, 1], "censored": [1, 0]}
    )  # fmt: skip
    said = dose_finding(slopes, {"top": "top", "random": "random"}, "L1H0").replace("\\", "")
    assert "**≥ +4.9 [+4.6, +5.3]** (top) and **+1.8** (random) steps" in said
    assert dose_finding(slopes.iloc[:0], {}, "L1H0") == ""


def test_delays_are_drawn_with_dots_intervals_and_replicates() -> None:
    lines = [line(48, 45, 51), line(15, 8, 25, name="random"), line(float("nan"), note="x", name="bottom")]
    figure = delays_figure([("Remove 10 %", lines)])
    means = [trace for trace in figure.data if trace.marker.size == 12]
    assert [trace.x[0] for trace in means] == [48, 15]
    assert [trace.y[0] for trace in means] == [1, 2]  # under the title's row
    assert sum(trace.mode == "lines" for trace in figure.data) == 2
    assert sum(len(trace.x) for trace in figure.data if trace.marker.size == 5) == 6
    low, high = figure.layout.xaxis.range
    assert low < 0 < 51 < high
    words = [note.text for note in figure.layout.annotations]
    for said in ("<b>Remove 10 %</b>", "+48 [+45, +51]", "undefined"):
        assert said in words
    assert delay_words(line(-0.2, -0.4, 0.4)) == "0 [0, 0]"
    assert delays_figure([("", [line(0.0)])]).layout.xaxis.range[0] < 0  # a range even without any extent


def test_doses_begin_at_the_origin() -> None:
    runs = pd.DataFrame(
        [
            {
                "selection": name,
                "fraction": fraction,
                "replicate": k,
                "delay": factor * fraction + k,
                "censored": False,
            }
            for name, factor in (("top", 500), ("random", 100))
            for fraction in (0.05, 0.2)
            for k in (0, 1)
        ]
    )
    names = {"top": "top", "random": "random"}
    figure = dose_figure(responses(runs), names, {"top": "#D55E00", "random": "#56B4E9"})
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert all((trace.x[0], trace.y[0]) == (0, 0) for trace in lines if len(trace.x) == 3)
    assert list(figure.layout.xaxis.ticktext) == ["0", "5", "20"]
    assert figure.layout.yaxis.range[1] > 101


def curves(reached: dict[tuple[str, int], int], head: str = "L1H0") -> pd.DataFrame:
    """Scores that are the replicate's number plus one, up to a step."""
    return pd.DataFrame(
        [
            {"arm": arm, "replicate": k, "step": step, "head": head, "prefix_matching": (k + 1) / 10}
            for (arm, k), last in reached.items()
            for step in range(0, last + 1, 10)
        ]
    )


def test_an_unfinished_replicate_does_not_bend_the_mean() -> None:
    figure = arms_figure(
        curves({("baseline", 0): 30, ("baseline", 1): 30, ("baseline", 2): 10}), "L1H0", "prefix_matching"
    )
    mean = next(trace for trace in figure.data if trace.line.width == 2.5)
    assert np.allclose(mean.y, 0.15)
    late = next(trace for trace in figure.data if trace.line.dash == "dot")
    assert np.allclose(late.y, 0.3)
    assert list(late.x) == [0, 10]
    assert sum(trace.fill == "toself" for trace in figure.data) == 1


def test_many_live_arms_get_a_panel_for_each_fraction() -> None:
    labels = [
        f"remove {name} {size} %" for size in (10, 5) for name in ("top", "random", "matched-kind", "bottom")
    ]
    figure = arms_figure(
        curves({(arm, 0): 20 for arm in ("baseline", *labels)}), "L1H0", "prefix_matching", (0, 10), 40
    )
    titles = [note.text for note in figure.layout.annotations if "prefix matching" in note.text]
    assert titles == ["prefix matching of L1H0: remove 5 %", "prefix matching of L1H0: remove 10 %"]
    assert figure.layout.xaxis.range == (0, 40)
    assert sum(shape.type == "rect" for shape in figure.layout.shapes) == 2  # the window, in each panel
    assert "shaded" in figure.layout.xaxis2.title.text


def test_panels_mark_the_step_only_where_it_lies() -> None:
    table = curves({("baseline", 0): 30, ("top", 0): 30}).rename(columns={"prefix_matching": "value"})
    colours = {"baseline": GREY, "top": "#D55E00"}
    panel = CurvesPanel("x", table, {"baseline": "baseline", "top": "top"}, colours, (0.0, 1.0))
    inside, outside = (curves_figure([panel], (0, 10), step) for step in (20, 400))
    assert any("step 20" in str(note.text) for note in inside.layout.annotations)
    assert not any("step" in str(note.text) for note in outside.layout.annotations)
    empty = CurvesPanel("x", table.iloc[:0], panel.names, colours)
    assert np.isfinite(curves_figure([empty]).layout.xaxis.range).all()


@pytest.mark.parametrize("count", [1, 4, 7])
def test_every_head_has_its_panel(count: int) -> None:
    heads = [f"L0H{number}" for number in range(count)]
    table = pd.concat([curves({("baseline", 0): 20, ("baseline", 1): 20, ("top", 0): 20}, head) for head in heads])
    names = {"baseline": "baseline", "top": "top"}
    figure = heads_figure(table, heads, "prefix_matching", names, {"baseline": GREY, "top": "#D55E00"}, (0, 10))
    assert [note.text for note in figure.layout.annotations] == heads
    assert len(figure.data) == 3 * count  # two means, one band
    assert [trace.name for trace in figure.data if trace.showlegend] == ["baseline", "top"]
    assert len({trace.yaxis for trace in figure.data}) == count


def test_selections_keep_their_colours_in_every_experiment() -> None:
    one = arm_colours(["remove top 5 %", "remove random 5 %"])
    other = arm_colours(["duplicate random 10 %", "duplicate top 10 %"])
    assert one["remove top 5 %"] == other["duplicate top 10 %"]
    assert one["remove random 5 %"] == other["duplicate random 10 %"]
