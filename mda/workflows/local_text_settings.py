"""How the model of local text is made and trained, and the facts of its study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from mda.corpora.local_text.kinds import KINDS
from mda.corpora.local_text.pack import END_ID
from mda.studies.study import OWN_CHECKPOINTS, StudyFacts
from mda.training.recipe import Recipe

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig

HELD_OUT_ROWS = 256
# A token that makes up less of the text than this has hardly been trained, and no head can be judged by it.
RAREST_PROBE_TOKEN = 1e-5


class Settings(BaseModel):
    """Sizes of vocabulary, rows and model, and how it is trained. How they were chosen: docs/local_text.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocab_size: int = 512
    seq_len: int = 256
    least_repeated: float = 0.4  # share of a row in spans that repeat; rows with less are left out
    d_model: int = 64
    layers: int = 3
    heads: int = 4
    mlp: int = 4  # times d_model
    init: float = 0.06
    rotary: float = 1.0
    batch_size: int = 8
    learning_rate: float = 3e-3
    warmup_steps: int = 50
    beta2: float = 0.99

    def config(self) -> GPTNeoXConfig:
        """Pythia's architecture at this size."""
        from transformers import GPTNeoXConfig  # takes a second, and requests are made without it

        return GPTNeoXConfig(
            vocab_size=self.vocab_size,
            hidden_size=self.d_model,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            intermediate_size=self.mlp * self.d_model,
            max_position_embeddings=2 * self.seq_len,
            rope_parameters={
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "partial_rotary_factor": self.rotary,
            },
            use_parallel_residual=True,
            tie_word_embeddings=False,
            initializer_range=self.init,
            bos_token_id=END_ID,
            eos_token_id=END_ID,
        )

    def recipe(self) -> Recipe:
        """The optimizer's settings and the rows of a step."""
        return Recipe(
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            warmup_steps=self.warmup_steps,
            beta2=self.beta2,
        )


SETTINGS = Settings()


def local_facts(settings: Settings, rows: np.ndarray, kinds: np.ndarray) -> StudyFacts:
    """The facts of a study that nothing was trained on yet; rows and their kinds (index into KINDS) in order."""
    unseen = len(rows) - HELD_OUT_ROWS
    count = np.bincount(rows[:unseen].ravel(), minlength=settings.vocab_size)
    count[END_ID] = 0
    return StudyFacts(
        batch_size=settings.batch_size,
        seq_len=settings.seq_len,
        vocab_size=settings.vocab_size,
        rows=len(rows),
        trained=0,
        held_out=(unseen, len(rows)),
        kinds=[KINDS[kind] for kind in np.unique(kinds)],
        probe_ids=np.flatnonzero(count >= max(1.0, RAREST_PROBE_TOKEN * count.sum())).tolist(),
        start_id=END_ID,
        checkpoints=OWN_CHECKPOINTS,
        recipe=settings.recipe(),
    )
