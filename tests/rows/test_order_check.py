"""The check end to end: models trained on one of two orders on a hub, or not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from building import tiny_study
from ordered import BATCH, COUNT, publish, rows_of, trained_study

from mda.errors import UserError
from mda.hub.client import Offline
from mda.hub.preshuffled import DEDUPED, STANDARD
from mda.progress import Progress
from mda.studies.order import list_order_checks, order_warning
from mda.studies.study import Study
from mda.workflows import order_check
from mda.workflows.order_check import OrderCheckRequest, check_order

SEEDS = {"this": 0, "other": 1}


@pytest.fixture
def commits(hub):
    return publish(hub)


def check(study: Study, **request):
    return check_order(OrderCheckRequest(study=study.name, **request), Progress())


@pytest.mark.parametrize("trained_on", ["this", "other"])
def test_ids_tell_the_order_and_ask_for_no_losses(commits, trained_on):
    study = trained_study("tiny", commits[STANDARD], SEEDS[trained_on])
    found = check(study)
    assert found["verdict"] == trained_on
    assert found["losses"] is None
    assert found["step"] == 8
    ids = found["ids"]
    wrong, right = ("other", "this") if trained_on == "this" else ("this", "other")
    assert ids[f"{right}_unmoved"] == 0
    assert ids[f"{wrong}_unmoved"] > 100
    # of the right order the ids are those of its first steps
    rows = rows_of(SEEDS[trained_on])[: 8 * BATCH]
    assert ids[f"{right}_ids"] == len(np.unique(rows[:, :-1]))


@pytest.mark.parametrize("trained_on", ["this", "other"])
def test_losses_tell_the_order_where_there_are_no_first_steps(commits, trained_on):
    study = trained_study("tiny", commits[STANDARD], SEEDS[trained_on], steps=(20, 40))
    found = check(study, step=40, rows=200)
    assert found["ids"] is None
    assert found["verdict"] == trained_on
    effect = found["losses"][trained_on]
    assert effect["low"] > 0
    quiet = found["losses"]["other" if trained_on == "this" else "this"]
    assert quiet["low"] < 0 < quiet["high"]
    table = pd.read_parquet(f"{found['folder']}/losses.parquet")
    assert list(table.columns) == ["order", "when", "row", "loss_at_40", "loss_at_20"]
    this = table[table["order"] == "this"]
    assert this[this["when"] == "seen"]["row"].between(24 * BATCH, 40 * BATCH - 1).all()
    assert this[this["when"] == "unseen"]["row"].between(40 * BATCH, 56 * BATCH - 1).all()
    gained = table["loss_at_40"] - table["loss_at_20"]
    means = gained.groupby([table["order"], table["when"]]).mean()
    assert means[trained_on, "unseen"] - means[trained_on, "seen"] == pytest.approx(effect["mean"])


def test_an_untrained_model_cannot_be_told(commits):
    study = trained_study("tiny", commits[STANDARD], None)
    found = check(study)
    assert found["verdict"] == "unknown"
    assert found["words"].startswith("It cannot be told")
    assert found["ids"]["this_unmoved"] == found["ids"]["this_ids"]
    assert found["losses"] is not None
    assert order_warning(study) is None


def test_a_stored_check_is_not_done_again_and_warns(commits, hub):
    study = trained_study("tiny", commits[STANDARD], 1)
    assert order_warning(study) is None
    found = check(study)
    before = len(hub.paths())
    assert check(study) == found
    assert all("/api/" in path for path in hub.paths()[before:])
    (stored,) = list_order_checks(study)
    assert (stored.step, stored.verdict, stored.other) == (8, "other", DEDUPED)
    assert stored.words == found["words"]
    warning = order_warning(study)
    assert warning is not None
    assert f"fits {DEDUPED}, not {STANDARD}" in warning


def test_a_later_check_that_cannot_tell_does_not_silence_an_earlier_one(commits, monkeypatch):
    study = trained_study("tiny", commits[STANDARD], 1)
    check(study)
    monkeypatch.setattr(order_check, "decide", lambda ids, losses: "unknown")
    assert check(study, step=8, rows=16)["verdict"] == "unknown"
    assert len(list_order_checks(study)) == 2
    assert order_warning(study) is not None


def test_a_check_of_another_study_of_this_name_is_not_taken(commits, tmp_path):
    study = trained_study("tiny", commits[STANDARD], 1)
    check(study)
    other = trained_study("again", commits[STANDARD], 1)
    (tmp_path / "cache" / "tiny" / "order").rename(tmp_path / "cache" / "again" / "order")
    assert list_order_checks(other) == []
    assert order_warning(other) is None


def test_progress_ends_whole(commits):
    class Watched(Progress):
        seen: list[float] = []  # noqa: RUF012

        def changed(self) -> None:
            self.seen.append(self.fraction)

    study = trained_study("tiny", commits[STANDARD], 0)
    progress = Watched()
    check_order(OrderCheckRequest(study="tiny", step=20, rows=16), progress)
    assert progress.seen == sorted(progress.seen)
    assert progress.fraction == pytest.approx(1.0)
    assert study.rows_here(np.arange(8 * BATCH)).all()


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"step": 7}, "has no checkpoint at step 7; the nearest are"),
        ({"step": 49}, "has no checkpoint at step 49"),
    ],
)
def test_bad_steps(commits, request_, told):
    study = trained_study("tiny", commits[STANDARD], None)
    with pytest.raises(UserError, match=told):
        check(study, **request_)


def test_no_rows_after_the_last_step(commits):
    study = trained_study("tiny", commits[STANDARD], None, steps=(0, COUNT // BATCH))
    with pytest.raises(UserError, match="No rows come after step 50"):
        check(study, step=50)


def test_a_study_of_other_rows(hub, tmp_path):
    tiny_study(tmp_path / "cache", "files")
    with pytest.raises(UserError, match="no other to check them against"):
        check_order(OrderCheckRequest(study="files"), Progress())


def test_no_network(commits, hub):
    study = trained_study("tiny", commits[STANDARD], None)
    hub.stop()
    with pytest.raises(Offline):
        check(study)
    assert list_order_checks(study) == []
    hub.start()
    assert check(study)["verdict"] == "unknown"
