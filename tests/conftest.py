"""Fixtures shared by all tests: a tiny GPT-NeoX whose every quantity can be had by brute force."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from building import tiny_study
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from mda.cli.main import run
from mda.studies.study import Study
from mda.training.recipe import new_model

torch.set_num_threads(1)  # tiny tensors: a second thread only waits


def tiny_config(vocab: int = 13, layers: int = 2, heads: int = 2, d_model: int = 16) -> GPTNeoXConfig:
    """A model with 2 layers of 2 heads, d_model 16, a quarter of the dimensions rotary as in Pythia."""
    return GPTNeoXConfig(
        vocab_size=vocab,
        hidden_size=d_model,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=2 * d_model,
        max_position_embeddings=64,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5},
        use_parallel_residual=True,
        initializer_range=0.3,  # far from zero, so that no gradient is negligible
        bos_token_id=0,
        eos_token_id=0,
    )


@pytest.fixture
def tiny() -> GPTNeoXForCausalLM:
    """A frozen tiny model in evaluation mode."""
    return new_model(tiny_config(), seed=3).eval().requires_grad_(False)


@pytest.fixture
def tiny_rows() -> np.ndarray:
    """24 rows of 10 + 1 token ids below 13."""
    return np.random.default_rng(5).integers(0, 13, (24, 11))


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the study `tiny`, made once; its checkpoints and rows lie in `tiny-sources` beside it."""
    cache = tmp_path_factory.mktemp("tiny") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MDA_CACHE", str(cache))
        tiny_study(cache, "tiny")
    return cache


@pytest.fixture
def study(tiny_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The study `tiny` in a cache of the test's own, `tmp_path / "cache"`."""
    shutil.copytree(tiny_cache, tmp_path / "cache")
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "cache"))
    return Study.open("tiny")


@dataclass
class Ran:
    """What a command line left: exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout; fails where anything else is there, or the command failed."""
        assert self.code == 0, self.err
        assert self.out.endswith("}\n")
        assert self.out.count("\n") == 1
        return json.loads(self.out)

    @property
    def refusal(self) -> str:
        """The one line on stderr of a command that refused its input; fails where it did anything else."""
        assert self.code == 2, self.err + self.out
        assert self.out == ""
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err
        return self.err


@pytest.fixture
def mda(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """The command line in this process: `mda("heads", "tiny", "--steps", 10)`."""

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Ran(code, *capsys.readouterr())

    return call
