"""Recipes: the published schedule against its closed form, and what older recipes and identities mean."""

from __future__ import annotations

import itertools
import math

import pytest
from pydantic import ValidationError
from transformers import GPTNeoXForCausalLM

from mda.hub import pythia
from mda.store.identity import identity
from mda.training.recipe import DEMO_RECIPE, Recipe, new_model, new_optimizer

COSINE = Recipe(
    batch_size=8, learning_rate=2.0, warmup_steps=100, min_learning_rate=0.2, decay_steps=1200, weight_decay=0.1
)
# as they were stored before recipes had schedules
OLD = {
    "batch_size": 32, "learning_rate": 0.003, "warmup_steps": 50, "beta1": 0.9, "beta2": 0.99, "eps": 1e-08,
    "weight_decay": 0.0, "clip_norm": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.0),  # GPT-NeoX counts updates from 0
        (1, 0.02), (50, 1.0), (99, 1.98), (100, 2.0),  # linear
        (100 + 400, 1.5), (100 + 600, 1.0), (100 + 800, 0.5),  # a third, a half and two thirds of the cosine
        (1055, 0.2), (1300, 0.2), (1301, 0.2), (2500, 0.2), (10**6, 0.2),  # never below the least
    ],
)  # fmt: skip
def test_warm_up_then_cosine(step: int, expected: float) -> None:
    assert COSINE.learning_rate_at(step) == pytest.approx(expected, rel=1e-12)


def test_the_least_rate_is_reached_where_the_cosine_meets_it() -> None:
    meets = 100 + 1200 * math.acos(2 * 0.1 - 1) / math.pi
    assert COSINE.learning_rate_at(math.floor(meets)) > 0.2
    assert COSINE.learning_rate_at(math.ceil(meets)) == 0.2


def test_the_schedule_has_no_jump() -> None:
    rates = [COSINE.learning_rate_at(step) for step in range(1500)]
    assert max(abs(a - b) for a, b in itertools.pairwise(rates)) <= 0.02 + 1e-12
    assert max(rates) == 2.0


def test_pythia_s_published_recipe() -> None:
    published = pythia.published("pythia-14m")
    assert published is not None
    recipe = Recipe.model_validate(published)
    assert recipe.learning_rate_at(0) == 0.0
    assert recipe.learning_rate_at(715) == pytest.approx(5e-4)
    assert recipe.learning_rate_at(1430) == 1e-3
    assert recipe.learning_rate_at(1430 + 71_500) == pytest.approx(5e-4)
    assert recipe.learning_rate_at(142_999) == pytest.approx(1e-4)


def test_old_recipes_load_and_keep_their_identity() -> None:
    recipe = Recipe.model_validate(OLD)
    assert recipe == DEMO_RECIPE
    assert recipe.model_dump() == OLD
    assert identity(recipe.model_dump()) == identity(OLD)
    assert recipe.learning_rate_at(9) == pytest.approx(3e-3 * 10 / 50)
    assert recipe.learning_rate_at(10**6) == 3e-3


def test_a_schedule_is_written_and_read_again() -> None:
    written = COSINE.model_dump(mode="json")
    assert written["min_learning_rate"] == 0.2
    assert written["decay_steps"] == 1200
    assert "decay_vectors" not in written
    assert Recipe.model_validate(written) == COSINE
    assert identity(written) != identity({**OLD, "batch_size": 8})


@pytest.mark.parametrize("half", [{"min_learning_rate": 0.1}, {"decay_steps": 100}])
def test_half_a_schedule_is_refused(half: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="come together"):
        Recipe.model_validate({**OLD, **half})


def test_another_rate_keeps_the_shape_of_the_schedule() -> None:
    slower = COSINE.at_rate(0.5)
    for step in (0, 1, 99, 100, 500, 1055, 5000):
        assert slower.learning_rate_at(step) == pytest.approx(COSINE.learning_rate_at(step) / 4)
    assert DEMO_RECIPE.at_rate(3e-3) == DEMO_RECIPE
    assert DEMO_RECIPE.at_rate(1e-4).learning_rate_at(1000) == 1e-4


def test_vectors_can_be_kept_out_of_weight_decay(tiny: GPTNeoXForCausalLM) -> None:
    model = new_model(tiny.config, seed=3)
    one = new_optimizer(model, COSINE).param_groups
    assert [group["weight_decay"] for group in one] == [0.1]
    decayed, kept = new_optimizer(model, COSINE.model_copy(update={"decay_vectors": False})).param_groups
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert all("norm" in names[id(p)] or names[id(p)].endswith("bias") for p in kept["params"])
    assert all(names[id(p)].endswith("weight") and "norm" not in names[id(p)] for p in decayed["params"])
    assert len(decayed["params"]) + len(kept["params"]) == len(names)
