"""How soon do induction heads form on text found on this machine, with which settings?

    OMP_NUM_THREADS=1 python -m benchmarks.local_text --minutes 5 "" "layers=2" "seq_len=512 batch_size=4 seed=1"

Every argument is one run: the settings in which it differs from the study's own (`mda local-text`). Prints for
each the step, the minutes of training (processor time of one thread, scoring left out) and the millions of
tokens at which the best head of any layer first reaches prefix matching .3 and .5 and previous token .5, the
best heads at the end, and the losses in nats a token (and a byte, which can be compared between vocabularies).
A run ends when prefix matching reaches .5, the minutes are over, or the text is. docs/local_text.md keeps what
came of it.
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
from mda.heads.geometry import Head
from mda.spans import repeated_shares
from mda.store.atomic import to_bytes
from mda.training.loop import Plan, train
from mda.training.recipe import new_model, new_optimizer
from mda.workflows.head_scores import CheckpointScorer
from mda.workflows.local_text import BOUNDS, SEED, last_step
from mda.workflows.local_text_settings import HELD_OUT_ROWS, Settings, local_facts

SCORE_EVERY_TOKENS = 1_000_000
LEVELS = (("prefix_matching", 0.3), ("prefix_matching", 0.5), ("previous_token", 0.5))


def main() -> None:
    """Print one line of JSON a run, and to stderr how each goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", default=[""])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--megabytes", type=int, default=BOUNDS.total // 10**6)
    options = parser.parse_args()
    documents = find_text(installed(), Bounds(options.megabytes * 10**6, BOUNDS.package), SEED)
    for run in options.runs:
        changed = dict(word.split("=") for word in run.split())
        seed = int(changed.pop("seed", 0))
        found = measure(documents, Settings.model_validate(changed), seed, options.minutes)
        print(to_bytes({"changed": run, **found}).decode(), flush=True)


def measure(documents: list[Document], settings: Settings, seed: int, minutes: float) -> dict[str, Any]:
    """Train one model and watch its heads."""
    tokenizer = train_tokenizer(documents, settings.vocab_size)
    rows, kinds = pack(documents, tokenizer, settings.seq_len + 1)
    repeating = repeated_shares(rows) >= settings.least_repeated
    rows, kinds = rows[repeating], kinds[repeating]
    order = row_order(len(rows), HELD_OUT_ROWS, SEED)
    rows, kinds = rows[order], kinds[order]
    facts, recipe = local_facts(settings, rows, kinds), settings.recipe()
    scorer = CheckpointScorer.of(facts, rows)
    model = new_model(settings.config(), seed)
    plan, optimizer = Plan(lambda numbers: rows[numbers]), new_optimizer(model, recipe)
    tokens_a_step = recipe.batch_size * settings.seq_len
    found: dict[str, Any] = {f"{score} {level}": None for score, level in LEVELS}
    spent, begun = 0.0, time.process_time()
    for step, _ in train(model, optimizer, plan, recipe, 0, last_step(facts)):
        if step % max(1, SCORE_EVERY_TOKENS // tokens_a_step):
            continue
        spent += time.process_time() - begun
        heads, scores = scorer.score(model)
        now = {"step": step, "minutes": round(spent / 60, 2), "tokens": round(step * tokens_a_step / 1e6, 2)}
        for score, level in LEVELS:
            if heads[score].max() >= level and found[f"{score} {level}"] is None:
                found[f"{score} {level}"] = dict(now)
        found |= {**now, **best(heads), **{name: round(value, 3) for name, value in scores.items()}}
        print(found, file=sys.stderr, flush=True)
        if spent > 60 * minutes or found["prefix_matching 0.5"]:
            break
        begun = time.process_time()
    unseen = rows[facts.held_out[0] :]
    size = sum(len(text.encode()) for text in tokenizer.batch_decode(unseen.tolist()))
    return {**found, "nats a byte": round(found["validation_loss"] * unseen.size / size, 3)}


def best(heads: pd.DataFrame) -> dict[str, str]:
    """`L2H2 0.51` for each of the two scores: its best head."""
    lines = {score: heads.sort_values(score).to_dict("records")[-1] for score, _ in LEVELS}
    return {
        score: f"{Head(int(line['layer']), int(line['head']))} {line[score]:.3f}" for score, line in lines.items()
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
