"""The local hub is a hub to the library too, and the tiny Pythia is what it says."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import hub_server
import numpy as np
import pytest
import tiny_pythia
import torch
from hub_server import HubServer
from huggingface_hub import HfApi, hf_hub_download
from safetensors.torch import load
from tiny_pythia import BIN_ONLY, CORRUPT, NO_WEIGHTS, REPO, ROW_LENGTH, ROWS, STANDARD, STEPS, TinyPythia
from tokenizers import Tokenizer
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from mda.hub import client

WRAPPER = """
import sys, torch
from transformers import AutoTokenizer, GPTNeoXForCausalLM
print(AutoTokenizer.from_pretrained(sys.argv[1], revision="step4").decode([0, 2, 3]))
model = GPTNeoXForCausalLM.from_pretrained(sys.argv[1], revision="step64", dtype=torch.float32)
print(sum(parameter.numel() for parameter in model.parameters()))
"""


@pytest.fixture
def pythia(hub: HubServer) -> TinyPythia:
    return tiny_pythia.tiny_pythia(hub)


def test_the_library_lists_what_the_client_lists(hub: HubServer, pythia: TinyPythia) -> None:
    api = HfApi(endpoint=hub.url)
    branches = {ref.name: ref.target_commit for ref in api.list_repo_refs(REPO).branches}
    assert branches == client.revisions(REPO) == pythia.shas
    listed = client.files(REPO, "model", pythia.shas["main"]).values()
    siblings = api.model_info(REPO, revision="main", files_metadata=True).siblings
    assert {(f.rfilename, f.size, f.lfs.sha256 if f.lfs else None) for f in siblings} == {
        (file.name, file.size, file.sha256) for file in listed
    }
    tree = api.list_repo_tree(REPO, revision="main", recursive=True)
    assert {(f.path, f.size) for f in tree} == {(file.name, file.size) for file in listed}


def test_the_tree_of_folders(hub: HubServer) -> None:
    hub.add_repo("dataset", "a/b", {"main": {"x.txt": b"1", "data/y.txt": b"2", "data/deep/z.txt": b"3"}})
    api = HfApi(endpoint=hub.url)
    for inside, recursive, paths in (
        (None, False, ["data", "x.txt"]),
        (None, True, ["data", "data/deep", "data/deep/z.txt", "data/y.txt", "x.txt"]),
        ("data", False, ["data/deep", "data/y.txt"]),
    ):
        tree = api.list_repo_tree("a/b", inside, recursive=recursive, repo_type="dataset")
        assert sorted(entry.path for entry in tree) == paths


@pytest.mark.parametrize("name", ["tokenizer.json", "pytorch_model.bin"])
def test_the_library_downloads_what_the_client_downloads(
    hub: HubServer, pythia: TinyPythia, tmp_path: Path, name: str
) -> None:
    theirs = hf_hub_download(REPO, name, revision="step1000", endpoint=hub.url, local_dir=tmp_path / "theirs")
    ours = client.download(REPO, "model", pythia.shas["step1000"], name, tmp_path / "ours")
    assert Path(theirs).read_bytes() == ours.read_bytes()


def test_the_weights_are_as_each_step_says(hub: HubServer, pythia: TinyPythia) -> None:
    assert list(pythia.shas) == [*(f"step{step}" for step in STEPS), "main"]
    for step in STEPS:
        files = hub.repos["models", REPO].commits[pythia.shas[f"step{step}"]]
        weights = {name for name in files if name.endswith((".bin", ".safetensors"))}
        if step == NO_WEIGHTS:
            assert not weights
        elif step == CORRUPT:
            with pytest.raises(Exception, match="header"):
                load(files["model.safetensors"])
        elif step in BIN_ONLY:
            assert weights == {"pytorch_model.bin"}
            state = torch.load(io.BytesIO(files["pytorch_model.bin"]), weights_only=True)
            assert state["gpt_neox.layers.0.attention.bias"].dtype == torch.bool
            assert state["embed_out.weight"].dtype == torch.float16
            assert all(torch.equal(state[name], tensor) for name, tensor in tiny_pythia.tiny_weights(step).items())
        else:
            assert "model.safetensors" in weights
            assert load(files["model.safetensors"]).keys() == tiny_pythia.tiny_weights(step).keys()


def test_the_standard_order_is_the_one_that_was_learned(pythia: TinyPythia) -> None:
    def loss(step: int, rows: np.ndarray) -> float:
        config, weights = GPTNeoXConfig(**tiny_pythia.config()), tiny_pythia.tiny_weights(step)
        model = GPTNeoXForCausalLM.from_pretrained(None, config=config, state_dict=weights, dtype=torch.float32)
        ids = torch.tensor(rows[:32].astype(np.int64))
        with torch.no_grad():
            logits = model(ids[:, :-1]).logits
        return float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()))

    assert loss(1000, pythia.rows_standard) < loss(0, pythia.rows_standard) - 1
    assert loss(1000, pythia.rows_standard) < loss(1000, pythia.rows_deduped) - 1


def test_the_rows_are_in_the_shards(hub: HubServer, pythia: TinyPythia) -> None:
    files = hub.repos["datasets", STANDARD].commits[pythia.data_shas[STANDARD]]
    shards = [files[name] for name in sorted(files) if name.endswith(".bin")]
    assert len(shards) == 3
    joined = np.frombuffer(b"".join(shards), dtype="<u2").reshape(ROWS, ROW_LENGTH)
    assert np.array_equal(joined, pythia.rows_standard)
    borders = np.cumsum([len(shard) for shard in shards])[:-1]
    assert (borders % (2 * ROW_LENGTH) != 0).all()  # every border cuts a row
    index = files["document.idx"]
    assert struct.unpack_from("<9sQBQQ", index) == (b"MMIDIDX\x00\x00", 1, 8, ROWS, ROWS + 1)
    assert len(index) == 34 + 4 * ROWS + 8 * ROWS + 8 * (ROWS + 1)
    assert not np.array_equal(pythia.rows_standard, pythia.rows_deduped)


def test_the_tokenizer_reads_the_rows(pythia: TinyPythia) -> None:
    tokenizer = Tokenizer.from_str(tiny_pythia.tokenizer_files()["tokenizer.json"].decode())
    assert tokenizer.get_vocab_size() == 300
    assert tokenizer.token_to_id("<|endoftext|>") == tiny_pythia.EOD == 0
    assert pythia.rows_standard.max() < 300
    text = "Naïve café, 漢字 and\n\ttabs"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert (pythia.rows_standard == 0).any()


@pytest.mark.slow
def test_it_runs_as_a_process_and_the_library_loads_from_it(tmp_path: Path) -> None:
    server = subprocess.Popen([sys.executable, hub_server.__file__], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        settings = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path), "DISABLE_SAFETENSORS_CONVERSION": "1"}
        loaded = subprocess.run(
            [sys.executable, "-c", WRAPPER, REPO],
            env={**os.environ, **settings, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        text, count = loaded.stdout.splitlines() or ["", loaded.stderr]
        assert text == '<|endoftext|>!"'
        assert int(count) == sum(weight.numel() for weight in tiny_pythia.tiny_weights(0).values())
    finally:
        server.terminate()
        server.wait()
