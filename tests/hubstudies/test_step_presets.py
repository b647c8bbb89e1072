"""Steps as they are typed."""

from __future__ import annotations

import itertools
import math

import pytest

from mda.errors import UserError
from mda.hub.pythia import STEPS
from mda.studies.step_presets import choose_steps


def test_all_and_a_list():
    assert choose_steps("all", STEPS) == STEPS
    assert choose_steps("0,512, 1000", STEPS) == (0, 512, 1000)
    assert choose_steps("7", STEPS) == (7,)  # whether it is there is the study's to say


@pytest.mark.parametrize("count", [2, 3, 5, 20, 60, 153, 154, 500])
def test_log_spaced(count):
    chosen = choose_steps(f"log{count}", STEPS)
    assert len(chosen) == min(count, len(STEPS))
    assert (chosen[0], chosen[-1]) == (STEPS[0], STEPS[-1])
    assert list(chosen) == sorted(set(chosen) & set(STEPS))


def test_log20_leaves_no_gap_that_it_need_not():
    places = [math.log1p(step) for step in choose_steps("log20", STEPS)]
    even = places[-1] / 19
    there = [math.log1p(step) for step in STEPS]
    for left, right in itertools.pairwise(places):
        assert right - left < 2 * even or not any(left < place < right for place in there)


def test_around():
    assert choose_steps("around:1000", STEPS) == STEPS[1:22]
    assert choose_steps("around:1400", STEPS) == STEPS[1:22]  # the nearest there is
    assert choose_steps("around:0", STEPS) == STEPS[:11]
    assert choose_steps("around:999999", STEPS) == STEPS[-11:]
    assert choose_steps("around:5", [0]) == (0,)


@pytest.mark.parametrize("text", ["", "log", "log1", "log0", "logx", "around:", "around:x", "ALL", "1;2", "1e3"])
def test_no_choice(text):
    with pytest.raises(UserError, match=r"write|list of steps"):
        choose_steps(text, STEPS)
