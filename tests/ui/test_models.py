"""Models in memory: few, one session at a time, and never weights that changed."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from mda.checkpoints.folder import save_checkpoint
from mda.checkpoints.source import FolderCheckpoints
from mda.errors import UserError
from mda.studies.study import Study
from mda.ui.frame import models
from mda.ui.frame.models import HELD, model


@pytest.fixture(autouse=True)
def nothing_held() -> Iterator[None]:
    models._held.clear()
    yield
    models._held.clear()


def test_stepping_through_all_checkpoints_never_holds_more_than_two(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted by the models that are alive when the next one is loaded, whoever would hold them."""
    alive: weakref.WeakSet = weakref.WeakSet()
    at_load = []
    load = Study.load

    def watched(self: Study, step: int) -> object:
        gc.collect()
        at_load.append(len(alive))
        loaded = load(self, step)
        alive.add(loaded)
        return loaded

    monkeypatch.setattr(Study, "load", watched)
    for _ in range(2):
        for step in study.steps:
            with model(study, step):
                pass
    assert len(at_load) == 6  # three checkpoints do not fit into two places
    assert max(at_load) < HELD
    assert len(models._held) == HELD


def test_what_was_used_last_is_kept(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    load = Study.load
    monkeypatch.setattr(Study, "load", lambda self, step: loaded.append(step) or load(self, step))
    for step in (0, 10, 0, 20, 0, 10):
        with model(study, step) as one:
            assert one.config.hidden_size == 16
    assert loaded == [0, 10, 20, 10]


def test_sessions_take_turns(study: Study) -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def session() -> None:
        nonlocal inside, most
        for step in (0, 10, 20):
            with model(study, step):
                with lock:
                    inside += 1
                    most = max(most, inside)
                threading.Event().wait(0.005)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=session) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_an_error_inside_lets_the_next_session_in(study: Study) -> None:
    def fail() -> None:
        with model(study, 0):
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    entered = []

    def session() -> None:
        with model(study, 0) as one:
            entered.append(one)

    thread = threading.Thread(target=session)
    thread.start()
    thread.join(10)
    assert entered


def test_changed_weights_and_unknown_steps_are_refused(study: Study) -> None:
    with model(study, 10) as other:
        # the study's checkpoints lie beside its first cache and are shared: written elsewhere, and linked to
        folder = study.folder / "changed" / "step0"
        folder.parent.mkdir()
        save_checkpoint(folder, other, None)
    study.source = FolderCheckpoints(folder.parent)
    with pytest.raises(UserError, match="changed since it was added"), model(study, 0):
        pass
    with pytest.raises(UserError, match="no checkpoint at step 11"), model(study, 11):
        pass
    assert len(models._held) == 1
