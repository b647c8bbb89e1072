"""Models in memory are bounded by their size as well as by their number, and lie on the machine's device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from mda.studies.study import Study
from mda.ui.frame import models
from mda.ui.frame.models import model


@pytest.fixture(autouse=True)
def nothing_held() -> Iterator[None]:
    models._held.clear()
    yield
    models._held.clear()


def own_bytes(study: Study) -> int:
    return sum(parameter.nbytes for parameter in study.load(0).parameters())


def test_only_one_of_models_that_are_too_large_together(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    size = own_bytes(study)
    for allowed, kept in ((3 * size, [10, 20]), (1.5 * size, [20]), (0.5 * size, [20])):
        models._held.clear()
        monkeypatch.setattr(models, "HELD_BYTES", allowed)
        for step in (0, 10, 20):
            with model(study, step) as one:
                assert sum(parameter.nbytes for parameter in one.parameters()) == size
        assert [step for *_, step in models._held] == kept


def test_the_expected_size_is_about_that_of_the_weights(study: Study) -> None:
    # of the tiny model a tenth is in vectors and its MLP is twice as wide as d, not four times
    assert 0.9 < models._weights_bytes(study) / own_bytes(study) < 1.6


def test_models_lie_on_the_best_device(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "best_device", lambda: torch.device("meta"))  # which every machine has
    with model(study, 0) as one:
        assert one.device.type == "meta"
