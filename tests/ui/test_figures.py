"""Charts are functions of tables: what they draw, label and carry, without Streamlit."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mda.heads.geometry import Geometry, Head
from mda.heads.scores import HEAD_SCORES
from mda.ui.charts.colours import GREY, arm_colours, head_colour, signed_background
from mda.ui.charts.heads import clicked_head, clicked_step, grid_figure, head_curves, history_figure, in_front
from mda.ui.charts.influence import histogram_figure
from mda.ui.charts.panels import StepAxis, spread
from mda.ui.charts.retrain import arms_figure
from mda.ui.charts.story import (
    Dots,
    agreement_figure,
    composition_figure,
    dots_figure,
    effect_figure,
    spark_svg,
    story_figure,
)

PYTHIA = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 2000, 143000]


def scores(steps: list[int]) -> pd.DataFrame:
    lines = [
        {"step": step, "layer": layer, "head": head, **dict.fromkeys(HEAD_SCORES, (layer + head) / 10)}
        for step in steps
        for layer in range(2)
        for head in range(4)
    ]
    return pd.DataFrame(lines)


def losses(steps: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"step": steps, "induction_loss": 4.0, "icl": -0.1, "validation_loss": 3.0})


def texts(figure) -> str:
    return " ".join(str(note.text) for note in figure.layout.annotations)


def test_steps_lie_on_a_log_axis_only_where_checkpoints_are_log_spaced() -> None:
    assert not StepAxis.of(list(range(0, 3001, 100))).log
    axis = StepAxis.of(PYTHIA)
    assert axis.log
    assert axis.x([0, 1, 512]).tolist() == [0.5, 1, 512]
    assert axis.layout()["ticktext"][0] == "0"


@pytest.mark.parametrize("steps", [[0], [100], [0, 100, 200], PYTHIA])
def test_history_and_story_take_any_checkpoints(steps: list[int]) -> None:
    history = history_figure(scores(steps), losses(steps), "prefix_matching", Head(1, 3), steps[-1])
    assert "L1H3" in texts(history)
    assert f"step {steps[-1]:,}" in texts(history)
    story = story_figure(scores(steps), losses(steps), {"prefix_matching": [Head(1, 2)]})
    assert "L1H2" in texts(story)
    for figure in (history, story):
        assert np.isfinite(figure.layout.xaxis.range).all()


def test_history_draws_the_selected_head_in_its_colour_and_the_others_in_one_grey_trace() -> None:
    figure = history_figure(scores([0, 100]), losses([0, 100]), "copying", Head(0, 1), 100)
    others, selected = figure.data[:2]
    assert selected.line.color == head_colour(Head(0, 1))
    assert list(selected.y) == [0.1, 0.1]
    assert sum(np.isnan(others.x)) == 7  # one gap after each of the seven others
    assert figure.layout.yaxis.range == (-1.05, 1.05)


def test_history_draws_born_heads_thinner_than_the_selected_one_and_all_of_them_once() -> None:
    born = [Head(1, 3), Head(1, 2), Head(0, 1)]
    figure = history_figure(scores([0, 100]), losses([0, 100]), "prefix_matching", Head(0, 1), 100, born)
    front = figure.data[1:4]
    assert [trace.line.color for trace in front] == [head_colour(head) for head in born]
    assert front[2].line.width > front[0].line.width
    assert all(str(head) in texts(figure) for head in born)


def test_heads_of_one_colour_are_not_both_in_front() -> None:
    heads = [Head(layer, 0) for layer in range(8)]
    assert in_front(heads) == [Head(0, 0), Head(1, 0)]
    assert len(in_front(Geometry(2, 4, 64, 16).all_heads())) == 6


def test_points_of_the_history_can_be_clicked_and_carry_their_step() -> None:
    steps = [0, 100, 200]
    figure = history_figure(scores(steps), losses(steps), "prefix_matching", Head(1, 3), 100)
    for trace in figure.data:  # plotly chooses markers only, and Streamlit fades those that are not chosen
        assert "markers" in trace.mode
        assert trace.marker.opacity == trace.selected.marker.opacity == trace.unselected.marker.opacity == 0
        assert set(trace.customdata) - {-1} == set(steps)
    assert figure.layout.clickmode == "event+select"


def test_the_curves_of_a_large_model_are_lines_without_points() -> None:
    steps = list(range(0, 15_400, 100))
    frame = pd.concat([scores(steps).assign(layer=layer) for layer in range(12)])
    others = history_figure(frame, losses(steps), "prefix_matching", Head(1, 3), 100).data[0]
    assert others.mode == "lines"
    assert others.text is None


@pytest.mark.parametrize(
    ("data", "step"),
    [
        (100, 100),
        ([130], 100),
        (99.0, 100),
        (1e9, 200),
        (-1, None),  # the gap between two curves
        (float("nan"), None),
        ("<b>", None),
        ([], None),
        (None, None),
    ],
)
def test_a_click_becomes_the_nearest_step_or_nothing(data: object, step: int | None) -> None:
    assert clicked_step({"selection": {"points": [{"customdata": data}]}}, [0, 100, 200]) == step


def test_no_click_is_no_step() -> None:
    for event in (None, {}, {"selection": {"points": []}}, {"selection": {"points": [{}]}}):
        assert clicked_step(event, [0, 100]) is None


def test_missing_scores_are_left_out() -> None:
    frame = scores([0, 100])
    frame.loc[frame["step"] == 0, "copying"] = np.nan
    assert head_curves(frame, "copying")[Head(0, 0)][0].tolist() == [100]


def test_a_running_story_keeps_its_axis() -> None:
    figure = story_figure(scores([100, 200]), losses([100, 200]), {}, until=1600)
    assert figure.layout.xaxis.range == (0, 1600)
    labels = [note for note in figure.layout.annotations if "●" in note.text]
    assert [label.x for label in labels] == [200] * 2  # where the lines end, not the axis


def test_the_grid_carries_head_names_and_uses_the_range_of_the_score() -> None:
    figure = grid_figure(scores([0]), "prefix_matching", Head(1, 3))
    squares, frame = figure.data
    assert (squares.marker.cmin, squares.marker.cmax) == (0, 1)
    assert [entry[0] for entry in squares.customdata][5] == "L1H1"
    assert (frame.x[0], frame.y[0]) == (3, 1)
    assert grid_figure(scores([0]), "copying", None).data[0].marker.cmin == -1


@pytest.mark.parametrize(
    ("event", "head"),
    [
        ({"selection": {"points": [{"customdata": ["L1H3"]}]}}, "L1H3"),
        ({"selection": {"points": [{"customdata": "L0H2"}]}}, "L0H2"),
        ({"selection": {"points": [{}, {"customdata": ["L0H1"]}]}}, "L0H1"),
        ({"selection": {"points": [{"customdata": ["L9H9"]}]}}, None),
        ({"selection": {"points": [{"customdata": ["<b>"]}]}}, None),
        ({"selection": {"points": []}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_click_becomes_a_head_or_nothing(event: dict, head: str | None) -> None:
    assert clicked_head(event, Geometry(2, 4, 64, 16)) == head


def test_histogram_colours_what_lies_beyond_the_cuts() -> None:
    values = np.linspace(-1, 1, 2001)
    bars = histogram_figure(values, -0.9, 0.9).data[0]
    assert sum(bars.y) == 2001
    inner = [colour for x, colour in zip(bars.x, bars.marker.color, strict=True) if abs(x) < 0.85]
    assert set(inner) == {GREY}
    assert bars.marker.color[0] != bars.marker.color[-1] != GREY
    assert histogram_figure(np.zeros(4), 0.0, 0.0).data  # equal scores are drawn too


def test_arms_show_the_mean_and_a_band_only_where_there_are_replicates() -> None:
    lines = [("baseline", 0, 0.2), ("baseline", 1, 0.4), ("remove top 10 %", 0, 0.1)]
    curves = pd.DataFrame(
        [
            {"arm": arm, "replicate": k, "step": step, "head": "L1H3", "prefix_matching": value}
            for arm, k, value in lines
            for step in (10, 20)
        ]
    )
    figure = arms_figure(curves, "L1H3", "prefix_matching", (10, 15), 30)
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    means = [trace for trace in figure.data if trace.fill != "toself"]
    assert len(bands) == 1
    assert [round(float(trace.y[0]), 6) for trace in means] == [0.3, 0.1]
    assert figure.layout.xaxis.range == (10, 30)
    assert "remove top 10 %" in texts(figure)
    assert arms_figure(curves, "L0H0", "prefix_matching").layout.yaxis.range[0] == 0  # nothing to draw


def test_arms_get_different_colours_and_the_baseline_is_grey() -> None:
    found = arm_colours(["remove top 10 %", "baseline", "remove top 5 %", "remove random 10 %", "remove top 10 %"])
    assert found["baseline"] == GREY
    assert len(set(found.values())) == 4


def test_the_demos_heads_have_different_colours_and_no_head_is_grey() -> None:
    heads = {head_colour(head) for head in Geometry(2, 4, 64, 16).all_heads()}
    assert len(heads) == 8
    assert GREY not in heads


def test_the_signed_background_is_clear_at_zero_and_bounded() -> None:
    assert signed_background(0).endswith("0.00)")
    assert signed_background(5) == signed_background(1)
    assert signed_background(-1) != signed_background(1)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_labels_are_apart_and_keep_their_order(values: list[float]) -> None:
    places = spread(values, 0.1, 0, 1)
    order = sorted(range(len(values)), key=lambda i: places[i])
    assert all(places[b] - places[a] >= 0.1 - 1e-9 for a, b in pairwise(order))
    assert [values[i] for i in order] == sorted(values)
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)


def test_dots_have_an_interval_only_where_there_is_one() -> None:
    dots = Dots([1, 2], [0.5, float("nan")], [1.5, float("nan")], ["#000000", "#FFFFFF"], ["first", "second"])
    figure = dots_figure(["a", "b"], [dots], ["1", "2"], "steps", 0.0)
    interval, marks = figure.data
    assert list(interval.x) == [0.5, 1.5]
    assert list(marks.x) == [1, 2]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first on top
    assert figure.layout.shapes[0].x0 == 0


def made_of(kinds: list[str]) -> pd.DataFrame:
    lines = []
    for group, share, add in (("all rows", 0.5, 0.0), ("top 10 %", 0.7, 0.1)):
        lines += [(group, "kind share", kind, 0.2 + add * n, 0.1, 0.6, 100) for n, kind in enumerate(kinds)]
        lines += [(group, "mean repeated share", "", share, share - 0.1, share + 0.1, 100)]
    return pd.DataFrame(lines, columns=["group", "measure", "kind", "value", "low", "high", "rows"])


def test_the_composition_shows_repetition_and_the_kinds_that_differ_most() -> None:
    figure = composition_figure(made_of([f"<b>{n}" for n in range(7)]), "top 10 %")
    labels = figure.layout.yaxis.ticktext
    assert labels[0] == "repeated text"
    assert labels[1:] == tuple(f"&lt;b&gt;{n}" for n in (6, 5, 4, 3))  # most in excess first, and escaped
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert [round(trace.x[0]) for trace in marks] == [50, 70]
    assert "top 10 %" in texts(figure)
    assert "1.4 ×" in texts(figure)
    assert composition_figure(made_of([]), "top 10 %").layout.yaxis.ticktext == ("repeated text",)


def effects(delays: dict[str, float], change: float = 0.1) -> pd.DataFrame:
    line = {"delay_low": None, "delay_high": None, "change": change, "change_low": 0.0, "change_high": 0.2}
    return pd.DataFrame([{"select": select, "delay": x, "censored": 0, **line} for select, x in delays.items()])


def test_the_effect_shows_delays_top_rows_first_and_changes_where_no_delay_is_known() -> None:
    figure = effect_figure(effects({"random": 15.0, "top": 48.0}), "remove")
    assert figure.layout.yaxis.ticktext == ("remove top rows", "remove random rows")
    assert list(figure.data[-1].x) == [48, 15]
    assert "+48" in texts(figure)
    assert "≥ +48" in texts(effect_figure(effects({"top": 48.0}).assign(censored=1), "remove"))
    unborn = effect_figure(effects({"top": float("nan")}), "remove")
    assert list(unborn.data[-1].x) == [0.1]
    assert "final score" in unborn.layout.xaxis.title.text


def test_low_and_undefined_agreement_are_drawn_as_such() -> None:
    figure = agreement_figure({"probe_halves": 0.5, "label_seeds": None})
    low, undefined = figure.data[-1].marker.color
    assert low != undefined
    assert "0.50" in texts(figure)
    assert "–" in texts(figure)
    assert agreement_figure({"probe_halves": -0.4, "label_seeds": 0.9}).layout.xaxis.range[0] < -0.4


def test_a_spark_keeps_inside_its_picture() -> None:
    for steps in (np.array([0]), np.array(PYTHIA)):
        picture = spark_svg(steps, np.linspace(0, 2, len(steps)), "#0072B2")
        points = re.search(r'points="([^"]*)"', picture)
        assert points is not None
        x, y = zip(*[map(float, point.split(",")) for point in points[1].split()], strict=True)
        assert len(x) == len(steps)
        assert 0 <= min(x) <= max(x) <= 240
        assert 0 <= min(y) <= max(y) <= 44
