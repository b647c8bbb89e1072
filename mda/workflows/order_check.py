"""`mda study check-order`: was the model really trained on the study's rows, in their order?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict, Field

from mda.checkpoints.hub import NoWeights
from mda.corpora.preshuffled.rows import PreshuffledRows
from mda.corpora.rows import RemoteRows, RowSource
from mda.errors import UserError
from mda.evidence.order import (
    IdEvidence,
    LossEvidence,
    decide,
    never_moved,
    verdict_words,
    weigh_ids,
    weigh_losses,
)
from mda.heads.model_scores import token_losses
from mda.hub import client
from mda.hub.preshuffled import other_order
from mda.progress import Progress
from mda.store.artefact import building
from mda.store.identity import identity
from mda.store.tables import write_parquet
from mda.studies.order import KIND, order_folder
from mda.studies.study import Study

LOSS_ROWS = 128  # of each of four groups
LOSS_STEP = 2000  # at the height of Pythia's learning rate
WINDOW_STEPS = 16  # before the checkpoint: what was seen last is known best
ID_ROWS = 2048  # the first of each order: two steps of Pythia
ID_STEP = 8  # where ids tell most: few have come up, and those that have are visible in fp16
LAST_ID_STEP = 64  # after more steps weight decay shows in fp16 too
BATCH_TOKENS = 8192  # that run at once

ORDERS = ("this", "other")
ROW_LOSSES = "losses.parquet"


class OrderCheckRequest(BaseModel):
    """`mda study check-order STUDY`.

    Without `step` the losses are measured only if the ids of the first steps do not tell, and then near step 2000.
    `rows` are those of each group whose losses are measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    step: int | None = Field(default=None, ge=1)
    rows: int = Field(default=LOSS_ROWS, ge=16)  # resampling fewer says nothing
    seed: int = Field(default=0, ge=0)


def check_order(request: OrderCheckRequest, progress: Progress) -> dict[str, Any]:
    """Weigh both kinds of evidence of `evidence.order`, or return the check that is there already.

    Returns verdict, words, the numbers and the folder. Raises UserError for a study whose rows are not one of the
    two published orders, for a step that has no rows before or after it, and for what cannot be downloaded.
    """
    task = _Task(request)
    spec = task.spec()
    with building(order_folder(task.study.name) / identity(spec)[:12], KIND, spec) as work:
        if not work.ready:
            work.finish(task.result(work.folder, progress))
        assert work.manifest is not None
        return {"study": task.study.name, "folder": str(work.final), **work.manifest.result}


class _Task:
    """A checked request: the study, and both orders of its rows."""

    def __init__(self, request: OrderCheckRequest) -> None:
        self.request = request
        self.study = Study.open(request.study)
        facts, there = self.study.facts, self.study.facts.preshuffled
        other = None if there is None else other_order(there.repo)
        if there is None or other is None:
            raise UserError(
                f"The rows of study '{self.study.name}' are not of Pythia's two published orders, so there is no "
                "other to check them against."
            )
        if request.step is not None:
            self.study.check_step(request.step)
        self.this_name, self.other_name = there.repo, other
        self.other_commit = client.commit(other, "dataset")
        described = PreshuffledRows.describe(other, self.other_commit)
        if described[1] != facts.seq_len + 1:
            raise UserError(f"{other} has rows of {described[1]} ids and the study of {facts.seq_len + 1}.")
        self.orders = (self.study.rows, PreshuffledRows(other, self.other_commit, *described, facts.vocab_size))

    def spec(self) -> dict[str, Any]:
        """Everything that changes the numbers; the study's identity names the weights of all its steps."""
        return {
            "study": self.study.manifest.identity,
            "other": f"{self.other_name}@{self.other_commit}",
            **self.request.model_dump(exclude={"study"}),
            "settings": [ID_ROWS, ID_STEP, LAST_ID_STEP, LOSS_STEP, WINDOW_STEPS],
        }

    def result(self, folder: Path, progress: Progress) -> dict[str, Any]:
        """Numbers and verdict; the losses of single rows go to the folder."""
        progress.plan(ids=0.2, rows=0.1, losses=0.7)
        ids, id_step = self._ids(progress)
        losses, loss_step = None, None
        told_by_ids = ids is not None and ids.verdict != "unknown"
        if self.request.step is not None or not told_by_ids:
            losses, loss_step = self._losses(folder, progress)
        verdict, names = decide(ids, losses), (self.this_name, self.other_name)
        return {
            "step": id_step if told_by_ids else loss_step,
            "this": self.this_name,
            "other": self.other_name,
            "verdict": verdict,
            "words": verdict_words(verdict, ids, losses, names, (id_step, loss_step)),
            "ids": ids and asdict(ids),
            "losses": losses and asdict(losses),
        }

    def _ids(self, progress: Progress) -> tuple[IdEvidence | None, int | None]:
        """The evidence of ids, and its step; None where the study has no checkpoints early enough."""
        early = [step for step in self.study.steps if 2 <= step <= LAST_ID_STEP]
        later = self._first_there(sorted(early, key=lambda step: abs(np.log(step / ID_STEP))), progress)
        if self._first_there([step for step in self.study.steps if step == 0], progress) is None or later is None:
            return None, None
        unmoved = never_moved(self._embedding(0), self._embedding(later))
        rows = np.arange(min(ID_ROWS, later * self.study.facts.batch_size, *map(len, self.orders)))
        progress.stage("ids", 2 * len(rows))
        return weigh_ids(unmoved, *(self._fetched(order, rows, progress) for order in self.orders)), later

    def _losses(self, folder: Path, progress: Progress) -> tuple[LossEvidence, int]:
        """The evidence of losses, and its step. The losses of single rows are written to the folder."""
        wanted, size = self.request.step, self.study.facts.batch_size
        room = min(map(len, self.orders)) // size  # steps that there are rows for
        near = [step for step in self.study.steps if 0 < step < room] if wanted is None else [wanted]
        step = self._first_there(sorted(near, key=lambda step: abs(step - LOSS_STEP)), progress)
        if step is None:
            at = "at any step that has rows before and after it" if wanted is None else f"at step {wanted}"
            raise UserError(f"Study '{self.study.name}' has no weights {at}; choose another step.")
        if step >= room:
            raise UserError(
                f"No rows come after step {step}, so that none are known to be unseen; choose an earlier step."
            )
        before = self._first_there([earlier for earlier in reversed(self.study.steps) if earlier < step], progress)
        window = min(WINDOW_STEPS, room - step, step if before is None else step - before)
        middle, reach = step * size, window * size
        seen, unseen = (self._drawn(first, first + reach, self.request.rows) for first in (middle - reach, middle))
        progress.stage("rows", 2 * (len(seen) + len(unseen)))
        groups = {
            (name, when): self._fetched(order, rows, progress)
            for name, order in zip(ORDERS, self.orders, strict=True)
            for when, rows in (("seen", seen), ("unseen", unseen))
        }
        steps = [step] if before is None else [step, before]
        progress.stage("losses", len(steps) * sum(map(len, groups.values())))
        losses = {at: self._measured(at, groups, progress) for at in steps}
        write_parquet(_table(groups, losses, {"seen": seen, "unseen": unseen}), folder / ROW_LOSSES)
        # how much better each row is known than before any of them was seen
        mine, mine_after, others, others_after = (
            losses[step][key] - (0.0 if before is None else losses[before][key]) for key in groups
        )
        return weigh_losses(mine, mine_after, others, others_after, self.request.seed), step

    def _first_there(self, steps: Sequence[int], progress: Progress) -> int | None:
        """The first of the steps that has weights, which are then on this machine."""
        for step in steps:
            self.study.weights_digest(step)  # refuses weights that changed
            with suppress(NoWeights):
                progress.log(f"Looking for the checkpoint of step {step}.")
                self.study.source.folder(step, lambda arrived: progress.changed())
                return step
        return None

    def _embedding(self, step: int) -> np.ndarray:
        """The embedding [V, d] at a step."""
        return self.study.load(step).gpt_neox.embed_in.weight.detach().numpy().copy()

    def _drawn(self, start: int, stop: int, most: int) -> np.ndarray:
        """Up to `most` rows of [start, stop) at random, ascending."""
        rng = np.random.default_rng([self.request.seed, start, stop])
        return start + np.sort(rng.choice(stop - start, min(most, stop - start), replace=False))

    def _fetched(self, order: RowSource, rows: np.ndarray, progress: Progress) -> np.ndarray:
        if isinstance(order, RemoteRows):
            progress.skip(int(order.here(rows).sum()))
            order.fetch(rows, progress.advance)
        return order[rows]

    def _measured(
        self, step: int, groups: Mapping[tuple[str, str], np.ndarray], progress: Progress
    ) -> dict[tuple[str, str], np.ndarray]:
        """Mean loss float64 [n] of every row of every group."""
        model = self.study.load(step)
        size = max(1, BATCH_TOKENS // self.study.facts.seq_len)
        found: dict[tuple[str, str], np.ndarray] = {}
        for key, rows in groups.items():
            means = []
            for begin in range(0, len(rows), size):
                batch = torch.from_numpy(rows[begin : begin + size].astype(np.int64))
                means.append(token_losses(model, batch).double().mean(1).cpu().numpy())
                progress.advance(len(batch))
            found[key] = np.concatenate(means)
        return found


def _table(
    groups: Mapping[tuple[str, str], np.ndarray],
    losses: Mapping[int, Mapping[tuple[str, str], np.ndarray]],
    rows: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Columns order, when (seen or unseen), row and the losses at each step."""
    frames = []
    for order, when in groups:
        measured = {f"loss_at_{step}": of_group[order, when] for step, of_group in losses.items()}
        frames.append(pd.DataFrame({"order": order, "when": when, "row": rows[when], **measured}))
    return pd.concat(frames, ignore_index=True)
