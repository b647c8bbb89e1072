"""Pythia's published numbers, to be checked at one look, and what a repository's name says of a model.

Sources. [R] README of https://github.com/EleutherAI/pythia (sizes, checkpoints, data sets). [Y] its `models/*.yml`
(learning rates, optimizer, schedule, batch, data paths). [C] model cards on the hub. [P] PolyPythias, van der Wal
et al., ICLR 2025, arXiv 2503.09543, and the cards of its models and of `EleutherAI/pile-preshuffled-seeds`.

- Sizes [R, Y]; d_model / heads is the width of a head. 6.9b and 12b began from other random weights [R, errata].
- Optimizer [Y]: Adam, betas .9 and .95, eps 1e-8, weight decay .1, gradients clipped at norm 1, no dropout.
  GPT-NeoX keeps biases and layer norms out of weight decay (its megatron/model/utils.py).
- Schedule [Y]: warm-up over 1 % of 143,000 steps, then a cosine down to 10 % of the learning rate. How GPT-NeoX's
  scheduler of that time reads it (towards zero, with the 10 % as a floor) is told in `mda.training.recipe`.
- A step is 1024 rows of 2048 tokens (rows are stored with the target of the last one, 2049 ids) [R, Y].
- 154 checkpoints [R]: step 0, the powers of two up to 512, then every thousand; `main` is step 143,000.
- Ids [C]: 0 is `<|endoftext|>`, which ends every document and begins none. The tokenizer uses 50,277 ids, and the
  embedding has 50,304 rows; those of 6.9b and 12b have more (which their numbers of parameters tell).
- Data [R]: the Pile, or the deduplicated Pile (`-deduped`), about 1.5 times over. **14m and 31m**: the README's
  table says the Pile; their .yml files name the deduplicated one, and so do their newer cards, under which the hub
  also lists them as `pythia-14m-deduped` and `pythia-31m-deduped`. Hence `order_in_doubt`: look at the losses.
- Seeds [P]: `-seedK` (K = 1 to 9, up to 410m) change the first weights *and* the order of the rows, and so do
  `pythia-160m-data-seedK` (K = 1 to 3) the order alone; `pythia-160m-weight-seedK` keep it. The other orders
  are published as index maps of another format, not as preshuffled rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from mda.hub import preshuffled
from mda.hub.names import PYTHIA_OWNER

STEPS = (0, *(2**k for k in range(10)), *range(1000, 143_001, 1000))
LAST_STEP = 143_000
BATCH_SIZE = preshuffled.ROWS_A_STEP
SEQ_LEN = preshuffled.ROW_LENGTH - 1
WARMUP_STEPS = 1430
LOWEST_RATE = 0.1  # of the learning rate, at the end of the cosine
BETAS = (0.9, 0.95)
EPS = 1e-8
WEIGHT_DECAY = 0.1
CLIP_NORM = 1.0
EOD_ID = 0
USED_TOKENS = 50_277


@dataclass(frozen=True)
class Size:
    """A model of the suite: layers, width of the residual stream, heads a layer, peak learning rate, embedding."""

    name: str
    layers: int
    d_model: int
    heads: int
    learning_rate: float
    vocabulary: int = 50_304


SIZES = (
    Size("14m", 6, 128, 4, 1e-3),
    Size("31m", 6, 256, 8, 1e-3),
    Size("70m", 6, 512, 8, 1e-3),
    Size("160m", 12, 768, 12, 6e-4),
    Size("410m", 24, 1024, 16, 3e-4),
    Size("1b", 16, 2048, 8, 3e-4),
    Size("1.4b", 24, 2048, 16, 2e-4),
    Size("2.8b", 32, 2560, 32, 1.6e-4),
    Size("6.9b", 32, 4096, 32, 1.2e-4, 50_432),
    Size("12b", 36, 5120, 40, 1.2e-4, 50_688),
)
IN_DOUBT = ("14m", "31m")
SEEDED = ("14m", "31m", "70m", "160m", "410m")
SEEDS = range(1, 10)
SPLIT_SEEDED = "160m"  # the size whose first weights and order were also varied one at a time
SPLIT_SEEDS = range(1, 4)


@dataclass(frozen=True)
class PythiaModel:
    """What the name of a repository says of its model.

    `rows`: the data set of preshuffled rows on the hub that it was trained on. `order_in_doubt`: sources disagree
    about which that is. `own_order`: it saw that text in another order, which no data set of rows holds.
    """

    repo: str
    size: Size
    rows: str
    order_in_doubt: bool = False
    own_order: bool = False


def describe(repo: str) -> PythiaModel | None:
    """The model that `owner/name` is, or a bare name of the suite's owner; None where it is none of the suite."""
    return _models().get(repo if "/" in repo else f"{PYTHIA_OWNER}/{repo}")


def known_models() -> list[str]:
    """Names of all repositories of the suite, as `EleutherAI/pythia-14m`, small models first."""
    return list(_models())


@cache
def _models() -> dict[str, PythiaModel]:
    found = []
    standard, deduped = preshuffled.STANDARD, preshuffled.DEDUPED
    for size in SIZES:
        name = f"{PYTHIA_OWNER}/pythia-{size.name}"
        doubt = size.name in IN_DOUBT
        found.append(PythiaModel(name, size, deduped if doubt else standard, order_in_doubt=doubt))
        found.append(PythiaModel(f"{name}-deduped", size, deduped, order_in_doubt=doubt))
        if size.name in SEEDED:
            found += [PythiaModel(f"{name}-seed{k}", size, standard, own_order=True) for k in SEEDS]
        if size.name == SPLIT_SEEDED:
            found += [
                PythiaModel(f"{name}-{part}-seed{k}", size, standard, own_order=part == "data")
                for part in ("data", "weight")
                for k in SPLIT_SEEDS
            ]
    return {model.repo: model for model in found}


def published(repo: str) -> dict[str, float | int] | None:
    """The settings that a model of the suite was trained with, under the names of `Recipe`; None for others."""
    model = describe(repo)
    if model is None:
        return None
    peak = model.size.learning_rate
    return {
        "batch_size": BATCH_SIZE,
        "learning_rate": peak,
        "min_learning_rate": peak * LOWEST_RATE,
        "warmup_steps": WARMUP_STEPS,
        "decay_steps": LAST_STEP,
        "beta1": BETAS[0],
        "beta2": BETAS[1],
        "eps": EPS,
        "weight_decay": WEIGHT_DECAY,
        "decay_vectors": False,
        "clip_norm": CLIP_NORM,
    }
