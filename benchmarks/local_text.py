"""How soon do induction heads form on text found on this machine, with which settings?

    OMP_NUM_THREADS=1 python -m benchmarks.local_text --minutes 4 "" "vocab_size=512" "layers=3 seed=1"

Every argument is one run: the settings in which it differs from the study's own (`mda local-text`). Prints for
each the step, the minutes of training (processor time of one thread, scoring left out) and the millions of tokens
at which the best head of any layer first reaches prefix matching .3 and .5 and previous token .5, the best scores
at the end, and the validation loss in nats a byte, which can be compared between vocabularies. Ends a run when
prefix matching reaches .5, the minutes are over, or the text is.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import pandas as pd
import torch

from mda.corpora.local_text.find import Bounds, Document, find_text
from mda.corpora.local_text.folders import installed
from mda.corpora.local_text.pack import pack, row_order, train_tokenizer
from mda.spans import repeated_shares
from mda.training.loop import Plan, train
from mda.training.recipe import new_model, new_optimizer
from mda.workflows.head_scores import CheckpointScorer
from mda.workflows.local_text import BOUNDS, SEED
from mda.workflows.local_text_settings import HELD_OUT_ROWS, Settings, local_facts

SCORE_EVERY_TOKENS = 1_000_000
LEVELS = {"prefix .3": ("prefix_matching", 0.3), "prefix .5": ("prefix_matching", 0.5),
          "previous .5": ("previous_token", 0.5)}  # fmt: skip


def main() -> None:
    """Print one line a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", default=[""])
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--megabytes", type=int, default=BOUNDS.total // 10**6)
    options = parser.parse_args()
    documents = find_text(installed(), Bounds(options.megabytes * 10**6, BOUNDS.package), SEED)
    for run in options.runs:
        changed = dict(word.split("=") for word in run.split())
        seed = int(changed.pop("seed", 0))
        settings = Settings.model_validate(changed)
        line = {"changed": run or "-", **measure(documents, settings, seed, options.minutes)}
        print(pd.Series(line).to_json(), flush=True)


def measure(documents: list[Document], settings: Settings, seed: int, minutes: float) -> dict[str, Any]:
    """Train one model and watch its heads."""
    tokenizer = train_tokenizer(documents, settings.vocab_size)
    rows, kinds = pack(documents, tokenizer, settings.seq_len + 1)
    repeating = repeated_shares(rows) >= settings.least_repeated
    rows, kinds = rows[repeating], kinds[repeating]
    order = row_order(len(rows), HELD_OUT_ROWS, SEED)
    rows, kinds = rows[order], kinds[order]
    facts = local_facts(settings, rows, kinds)
    held_out = rows[facts.held_out[0] :]
    bytes_a_token = sum(len(text.encode()) for text in tokenizer.batch_decode(held_out)) / held_out.size
    scorer = CheckpointScorer.of(facts, rows)
    model = new_model(settings.config(), seed)
    recipe = settings.recipe()
    optimizer = new_optimizer(model, recipe)
    tokens_a_step = recipe.batch_size * settings.seq_len
    every = max(1, SCORE_EVERY_TOKENS // tokens_a_step)
    found: dict[str, Any] = {}
    best: dict[str, float] = {}
    scores: dict[str, float] = {}
    spent, begun, step = 0.0, time.process_time(), 0
    for step, _ in train(
        model, optimizer, Plan(lambda n: rows[n]), recipe, 0, facts.held_out[0] // recipe.batch_size
    ):
        if step % every:
            continue
        spent += time.process_time() - begun
        heads, scores = scorer.score(model)
        best = {name: float(heads[name].max()) for name in ("prefix_matching", "previous_token")}
        for name, (score, level) in LEVELS.items():
            if best[score] >= level and name not in found:
                found[name] = [step, round(spent / 60, 2), round(step * tokens_a_step / 1e6, 2)]
        losses = {name: round(scores[name], 3) for name in ("validation_loss", "icl")}
        print(step, round(spent / 60, 2), best, losses, file=sys.stderr, flush=True)
        if spent > 60 * minutes or "prefix .5" in found:
            break
        begun = time.process_time()
    return {
        **{name: found.get(name) for name in LEVELS},
        "step": step,
        "minutes": round(spent / 60, 2),
        "tokens": round(step * tokens_a_step / 1e6, 2),
        **{name: round(value, 3) for name, value in best.items()},
        "induction loss": round(scores["induction_loss"], 3),
        "nats a byte": round(scores["validation_loss"] / bytes_a_token, 4),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
