"""Charts are functions of tables: what they draw, label and carry, without Streamlit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mda.heads.geometry import Geometry, Head
from mda.heads.scores import HEAD_SCORES
from mda.ui.charts.colours import CATEGORIES, GREY, arm_colours, head_colour, signed_background
from mda.ui.charts.heads import clicked_head, grid_figure, head_curves, history_figure, story_figure
from mda.ui.charts.influence import histogram_figure
from mda.ui.charts.panels import StepAxis, spread
from mda.ui.charts.retrain import arms_figure

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


def test_missing_scores_are_left_out() -> None:
    frame = scores([0, 100])
    frame.loc[frame["step"] == 0, "copying"] = np.nan
    assert head_curves(frame, "copying")[Head(0, 0)][0].tolist() == [100]


def test_a_running_story_keeps_its_axis() -> None:
    figure = story_figure(scores([100, 200]), losses([100, 200]), {}, until=1600)
    assert figure.layout.xaxis.range == (0, 1600)


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
    assert head_colour(Head(1, 3)) in CATEGORIES


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
