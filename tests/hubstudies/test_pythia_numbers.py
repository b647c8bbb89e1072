"""The table of Pythia's numbers against what others have published, and what names say."""

from __future__ import annotations

import pytest

from mda.hub import pythia
from mda.hub.preshuffled import DEDUPED, STANDARD
from mda.training.recipe import Recipe

# Parameters, and those without both embeddings: README of EleutherAI/pythia and the models' cards.
PUBLISHED = {
    "14m": (14_067_712, 1_189_888),
    "31m": (30_494_720, 4_739_072),
    "70m": (70_426_624, 18_915_328),
    "160m": (162_322_944, 85_056_000),
    "410m": (405_334_016, 302_311_424),
    "1b": (1_011_781_632, 805_736_448),
    "1.4b": (1_414_647_808, 1_208_602_624),
    "2.8b": (2_775_208_960, 2_517_652_480),
    "6.9b": (6_857_302_016, 6_444_163_072),
    "12b": (11_846_072_320, 11_327_027_200),
}


@pytest.mark.parametrize("size", pythia.SIZES, ids=lambda size: size.name)
def test_sizes_give_the_published_numbers_of_parameters(size):
    d = size.d_model
    # attention 4 d^2 + 4 d, MLP 8 d^2 + 5 d, two layer norms 4 d; then the last layer norm
    inner = size.layers * (12 * d * d + 13 * d) + 2 * d
    total, without = PUBLISHED[size.name]
    assert inner == without
    assert inner + 2 * size.vocabulary * d == total
    assert d % size.heads == 0


def test_checkpoints_are_154():
    assert len(pythia.STEPS) == 154
    assert pythia.STEPS[:12] == (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
    assert pythia.STEPS[-1] == pythia.LAST_STEP == 143 * 1000


@pytest.mark.parametrize(
    ("name", "rows", "doubt", "own_order"),
    [
        ("pythia-70m", STANDARD, False, False),
        ("EleutherAI/pythia-70m", STANDARD, False, False),
        ("pythia-1.4b-deduped", DEDUPED, False, False),
        ("pythia-14m", DEDUPED, True, False),
        ("pythia-31m-deduped", DEDUPED, True, False),
        ("pythia-410m-seed9", STANDARD, False, True),
        ("pythia-160m-data-seed3", STANDARD, False, True),
        ("pythia-160m-weight-seed1", STANDARD, False, False),
    ],
)
def test_what_a_name_says(name, rows, doubt, own_order):
    model = pythia.describe(name)
    assert model is not None
    assert (model.rows, model.order_in_doubt, model.own_order) == (rows, doubt, own_order)
    assert model.repo in pythia.known_models()


@pytest.mark.parametrize(
    "name",
    ["pythia", "pythia-15m", "pythia-14m-seed0", "pythia-14m-seed10", "pythia-1b-seed1", "other/pythia-14m", ""],
)
def test_names_that_are_none(name):
    assert pythia.describe(name) is None
    assert pythia.published(name) is None


def test_published_settings_are_a_recipe():
    numbers = pythia.published("pythia-70m-deduped")
    recipe = Recipe.model_validate(numbers)
    assert numbers == {name: getattr(recipe, name) for name in numbers}  # no name is one that recipes do not have
    assert (recipe.learning_rate, recipe.min_learning_rate, recipe.warmup_steps) == (1e-3, 1e-4, 1430)
    assert recipe.learning_rate_at(1430) == pytest.approx(1e-3)
