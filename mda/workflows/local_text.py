"""`mda local-text`: a small model trained on text found on this machine, for as long as its user allows.

The study is whole, and can be looked at, as soon as its rows and `step0` are there; its checkpoints then grow in
number. Its identity covers text, rows, recipe and model, none of which ever changes. How far training has come is
no part of it: that is said by the checkpoints, and after each of them by `trained` and `seconds` in the manifest.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field

from mda.checkpoints.folder import read_config, save_checkpoint
from mda.corpora.local_text.find import Bounds, corpus_digest, find_text
from mda.corpora.local_text.folders import installed
from mda.corpora.local_text.pack import pack, row_order, train_tokenizer
from mda.device import best_device
from mda.errors import UserError
from mda.heads.geometry import Head
from mda.progress import Progress
from mda.spans import repeated_shares
from mda.store.artefact import MANIFEST, building, open_artefact
from mda.store.atomic import disk_errors, write_json
from mda.store.hardware import code_version, hardware
from mda.store.identity import array_digest
from mda.store.paths import refuse_if_read_only, study_folder
from mda.store.tensors import map_array, write_tensors
from mda.studies.study import KIND, OWN_CHECKPOINTS, ROWS, TOKENIZER, Study, StudyFacts
from mda.training.loop import Plan, train
from mda.workflows.building import config_spec, last_checkpoint
from mda.workflows.head_scores import HeadsRequest, head_table, model_table, score_heads
from mda.workflows.live import LIVE_SCORES, live_scores
from mda.workflows.local_text_settings import HELD_OUT_ROWS, SETTINGS, local_facts

ORIGIN = "local-text"
BOUNDS = Bounds(total=96_000_000, package=4_000_000)
SEED = 0  # of the order of files and of rows
LEAST_STEPS = 100  # that the text must be enough for
CHECKPOINT_EVERY = 200  # steps; before that powers of two
REACHED = 0.5


class LocalTextRequest(BaseModel):
    """`mda local-text`. `minutes` are those in all since the study was begun, finding its text included: asked
    again for more, training goes on from its last checkpoint. Seed 0 is `local-text`, N is `local-text-seedN`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: float = Field(default=20.0, gt=0, le=100_000, allow_inf_nan=False)
    seed: int = Field(default=0, ge=0)

    @property
    def study(self) -> str:
        """Name of the study that is built."""
        return ORIGIN if self.seed == 0 else f"{ORIGIN}-seed{self.seed}"


def build_local_text(request: LocalTextRequest, progress: Progress) -> dict[str, Any]:
    """Find and pack the text where that is not done, train until the minutes or the text end, score the heads.

    On the CPU a step's weights are bit-identical for the same text, seed, machine and number of threads,
    interrupted or not. Returns the study's name, how far it came, which heads reached what, and the same in words.
    Raises UserError where there is too little text, and where another process trains the same study.
    """
    name, allowed = request.study, 60 * request.minutes
    progress.plan(text=30, rows=30, train=max(60.0, allowed - 60), heads=5)
    with _alone(name):
        begun = time.monotonic()
        there = (study_folder(name) / "study").is_dir()
        if not there:
            _prepare(request, progress)
        study = Study.open(name)
        if (study.manifest.spec["origin"], study.manifest.spec.get("seed")) != (ORIGIN, request.seed):
            raise UserError(
                f"Study '{name}' is there already and was not made by `mda local-text`; delete "
                f"{study.folder.parent} or choose another --seed."
            )
        before = study.manifest.seconds if there else 0.0
        _train(study, allowed, lambda: before + time.monotonic() - begun, progress)
    score_heads(HeadsRequest(study=name), progress)
    return outcome(Study.open(name))


def _prepare(request: LocalTextRequest, progress: Progress) -> None:
    """The study without any training: rows, tokenizer and `step0`."""
    folders = installed()
    progress.stage("text", BOUNDS.total)
    documents = find_text(folders, BOUNDS, SEED, progress.advance)
    progress.stage("rows", len(documents))
    rows, kinds, tokenizer = np.zeros((0, 0)), np.zeros(0), None
    if documents:
        tokenizer = train_tokenizer(documents, SETTINGS.vocab_size)
        rows, kinds = pack(documents, tokenizer, SETTINGS.seq_len + 1, progress.advance)
        repeating = repeated_shares(rows) >= SETTINGS.least_repeated
        rows, kinds = rows[repeating], kinds[repeating]
    least = LEAST_STEPS * SETTINGS.batch_size + HELD_OUT_ROWS
    if tokenizer is None or len(rows) < least:
        raise UserError(
            f"The text of this Python installation ({', '.join(map(str, folders))}) fills {len(rows)} rows that "
            f"repeat enough, and a study needs {least}; install packages with more text, or make `mda demo`."
        )
    order = row_order(len(rows), HELD_OUT_ROWS, SEED)
    rows, kinds = rows[order], kinds[order]
    facts = local_facts(SETTINGS, rows, kinds)
    spec = {
        "origin": ORIGIN,
        "seed": request.seed,
        "text": corpus_digest(documents),
        "tokenizer": hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest(),
        "rows": array_digest(rows),
        "kinds": array_digest(kinds),
        "least_repeated": SETTINGS.least_repeated,
        "held_out": HELD_OUT_ROWS,
        "recipe": facts.recipe.model_dump(),
        "config": config_spec(SETTINGS.config()),
    }
    with building(study_folder(request.study) / "study", KIND, spec) as work:
        if not work.ready:
            present = np.searchsorted(np.unique(kinds), kinds).astype(np.uint8)
            tensors = {"tokens": torch.from_numpy(rows), "kinds": torch.from_numpy(present)}
            write_tensors(work.folder / ROWS, tensors)
            tokenizer.save_pretrained(work.folder / TOKENIZER)
            last_checkpoint(work.folder / OWN_CHECKPOINTS, SETTINGS.config(), facts.recipe, request.seed)
            work.finish(facts.model_dump())


def _train(study: Study, allowed: float, seconds: Callable[[], float], progress: Progress) -> None:
    """Train from the last whole checkpoint until `seconds()` would pass those allowed before the next one."""
    facts, rows = study.facts, map_array(study.folder / ROWS, "tokens")
    checkpoints, last = study.folder / OWN_CHECKPOINTS, last_step(facts)
    config = read_config(checkpoints / "step0")
    model, optimizer, start = last_checkpoint(checkpoints, config, facts.recipe, int(study.manifest.spec["seed"]))
    model.to(best_device())  # type: ignore[arg-type]
    optimizer.load_state_dict(optimizer.state_dict())  # brings its state to where the parameters are now
    began, upcoming = seconds(), next_checkpoint(start, last)
    more = start < last and began < allowed
    attempts = [*study.manifest.result.get("attempts", ())]
    if more:
        attempts.append({"from_step": start, "code_version": code_version(), "hardware": hardware()})
    _note(study, start, attempts, began)  # an attempt that was killed may not have told of its last checkpoint
    progress.stage("train", round(allowed), round(began))
    if not more:
        return
    for step, loss in train(model, optimizer, Plan(lambda n: rows[n]), facts.recipe, start, last):
        if step == upcoming:
            save_checkpoint(checkpoints / f"step{step}", model, optimizer)
            _note(study, step, attempts, seconds())
            _score(study.name, step, loss, progress)
            upcoming = next_checkpoint(step, last)
            pace = (seconds() - began) / (step - start)
            if seconds() + pace * (upcoming - step) > allowed:
                return
        progress.advance(round(seconds()) - progress.done)


def next_checkpoint(step: int, last: int) -> int:
    """The step of the next checkpoint: powers of two, then every CHECKPOINT_EVERY steps, and the text's end."""
    doubled = 1 << step.bit_length()
    regular = (step // CHECKPOINT_EVERY + 1) * CHECKPOINT_EVERY
    return min(doubled, regular, last) if step < CHECKPOINT_EVERY else min(regular, last)


def last_step(facts: StudyFacts) -> int:
    """The step at which the text is over."""
    return facts.held_out[0] // facts.batch_size


def _note(study: Study, step: int, attempts: list[dict[str, Any]], seconds: float) -> None:
    """Say in the manifest how far training has come, in one go; called when the step's checkpoint is whole."""
    manifest = open_artefact(study.folder, KIND)
    facts = study.facts.model_copy(update={"trained": step * study.facts.batch_size})
    result = {**facts.model_dump(), "attempts": attempts}
    update = {"result": result, "seconds": round(seconds, 3)}
    write_json(study.folder / MANIFEST, manifest.model_copy(update=update).model_dump(by_alias=True))


def _score(name: str, step: int, loss: float, progress: Progress) -> None:
    """Score every checkpoint that is not scored yet, and tell the newest one's scores."""
    with suppress(UserError):  # another process fills the tables; what it leaves out is scored next time
        score_heads(HeadsRequest(study=name), Progress())
    heads, models = head_table(name), model_table(name)
    heads, models = heads[heads["step"] == step], models[models["step"] == step]
    if not models.empty:
        model = {str(key): float(value) for key, value in models.iloc[0].items() if key != "step"}
        progress.record(step=step, loss=loss, **live_scores(heads), **model)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """One process trains a study at a time."""
    refuse_if_read_only()
    lock = FileLock(study_folder(name) / "training.lock")
    try:
        with disk_errors():
            study_folder(name).mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
    except Timeout:
        raise UserError(
            f"Another process is training '{name}'; wait for it, or stop it and ask again (`mda jobs list`)."
        ) from None
    try:
        yield
    finally:
        lock.release()


def outcome(study: Study) -> dict[str, Any]:
    """How far the study has come, which heads have reached .5 in a live score and when, and both in a sentence."""
    facts, step = study.facts, study.steps[-1]
    table = head_table(study.name)
    reached: dict[str, list[dict[str, Any]]] = {}
    told = []
    for score in LIVE_SCORES:
        above = table[table[score] >= REACHED].sort_values("step").drop_duplicates(["layer", "head"])
        found = [
            {"head": str(Head(int(line["layer"]), int(line["head"]))), "step": int(line["step"])}
            for line in above.to_dict("records")
        ]
        reached[score] = found
        name = score.replace("_", " ")
        if found:
            told.append(
                f"{name} reaches {REACHED} in " + ", ".join(f"{h['head']} (step {h['step']:,})" for h in found)
            )
        else:
            best = table.sort_values(score).to_dict("records")[-1]
            head = Head(int(best["layer"]), int(best["head"]))
            told.append(f"no head reaches {REACHED} in {name} (the best is {head} with {best[score]:.2f})")
    minutes, over = study.manifest.seconds / 60, step == last_step(facts)
    more = "The text is over, so more minutes change nothing." if over else "More --minutes go on from here."
    return {
        "study": study.name,
        "step": step,
        "minutes": round(minutes, 2),
        "tokens": step * facts.batch_size * facts.seq_len,
        "text_over": over,
        "reached": reached,
        "told": f"After {step:,} steps in {minutes:.0f} minutes: {'; '.join(told)}. {more}",
    }
