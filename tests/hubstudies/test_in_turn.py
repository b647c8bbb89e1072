"""Checkpoints in turn: their order, the next while one is worked on, errors at their own step, and a clean end."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from mda.checkpoints import in_turn as module
from mda.checkpoints.hub import NoWeights
from mda.checkpoints.in_turn import in_turn
from mda.hub.client import HubError
from mda.progress import Cancelled


class Source:
    """Tells when each step is brought; steps of `held` wait for their event, and `fails` raise."""

    def __init__(self, held=(), fails=None):
        self.began: list[int] = []
        self.ended: list[int] = []
        self.held = {step: threading.Event() for step in held}
        self.fails = fails or {}

    def folder(self, step, advance):
        self.began.append(step)
        while step in self.held and not self.held[step].wait(0.01):
            advance(1)
        advance(10)
        if step in self.fails:
            raise self.fails[step]
        self.ended.append(step)
        return Path(f"step{step}")


def wait_until(condition):
    limit = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.002)


def test_order_and_one_ahead():
    source, seen = Source(held=(3,)), []
    turns = in_turn(source, [5, 3, 9, 1])
    seen.append(next(turns))
    wait_until(lambda: source.began == [5, 3])  # the next is on its way, and the one after it is not
    time.sleep(0.05)
    assert source.began == [5, 3]
    source.held[3].set()
    wait_until(lambda: source.ended == [5, 3])
    seen += list(turns)
    assert seen == [(step, Path(f"step{step}")) for step in (5, 3, 9, 1)]
    assert source.began == [5, 3, 9, 1]


def test_no_steps_ask_for_nothing():
    assert list(in_turn(Source(), [])) == []


def test_bytes_are_told_in_the_callers_thread(monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    told = []

    def came(bytes_):
        assert threading.current_thread() is threading.main_thread()
        told.append(bytes_)
        if len(told) == 3:
            source.held[1].set()

    source = Source(held=(1,))
    assert len(list(in_turn(source, [0, 1, 2], came))) == 3
    assert sum(told) >= 30
    assert len(told) > 3  # also while nothing was ready


def test_steps_without_weights_are_told_and_passed():
    none = NoWeights("No weights at step 1; use another step.")
    source = Source(fails={1: none})
    assert list(in_turn(source, [0, 1, 2])) == [(0, Path("step0")), (1, none), (2, Path("step2"))]


def test_other_errors_come_at_their_own_step():
    source = Source(fails={1: HubError("The connection broke off: try again.")})
    turns = in_turn(source, [0, 1, 2])
    assert next(turns) == (0, Path("step0"))
    wait_until(lambda: source.began == [0, 1])
    with pytest.raises(HubError, match="broke off"):
        next(turns)
    assert source.began == [0, 1]
    assert list(turns) == []


def test_closing_ends_the_download_that_is_on_its_way():
    source = Source(held=(1,))
    turns = in_turn(source, [0, 1, 2])
    next(turns)
    wait_until(lambda: source.began == [0, 1])
    began = time.monotonic()
    turns.close()
    assert time.monotonic() - began < 2
    assert source.ended == [0]
    assert not any(thread.name.startswith("step 1 ") for thread in threading.enumerate())


def test_a_caller_who_stops_while_waiting_is_let_go(monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)

    def stop(bytes_):
        raise Cancelled("enough")

    source = Source(held=(0,))
    with pytest.raises(Cancelled, match="enough"):
        next(in_turn(source, [0, 1], stop))
    wait_until(lambda: not any(thread.name.startswith("step ") for thread in threading.enumerate()))
    assert source.began == [0]
