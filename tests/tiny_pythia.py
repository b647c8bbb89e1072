"""A tiny Pythia for the local hub: the real names, formats and oddities at a thousandth of the size.

The model: 6 layers of 4 heads, d_model 32, 64 positions, vocabulary 304 of which the tokenizer uses 300; twelve
step revisions and main, in fp16 as the real ones. The data: rows of 65 ids in the two published orders, in three
shards that cut rows in two. Weights are random; what grows with the step is the unigram of the standard order's
rows, so later checkpoints have a lower loss on that order than on the other.
"""

from __future__ import annotations

import io
import json
import re
import struct
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from hub_server import HubServer
from safetensors.torch import save
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

REPO = "EleutherAI/pythia-14m"
STANDARD = "EleutherAI/pile-standard-pythia-preshuffled"
DEDUPED = "EleutherAI/pile-deduped-pythia-preshuffled"
STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
BIN_ONLY = (1, 2, 8, 64, 512)  # pytorch_model.bin and nothing else; the others have model.safetensors
BOTH = (1000,)  # and main, which is the same
NO_WEIGHTS = 32
CORRUPT = 128  # its file is whole, as the hub has it, and cannot be read
LAYERS, HEADS, WIDTH, POSITIONS, VOCABULARY = 6, 4, 32, 64, 304
EOD = 0
ROWS = 4224  # 4 steps of 1024 rows, and a few more
ROW_LENGTH = POSITIONS + 1
SHARDS = 3


@dataclass
class TinyPythia:
    """What a test compares with: commits by revision (`step0` … `main`), rows uint16 [ROWS, ROW_LENGTH]."""

    rows_standard: np.ndarray
    rows_deduped: np.ndarray
    shas: dict[str, str]
    data_shas: dict[str, str]  # name of the data set -> commit of main
    repo: str = REPO
    steps: tuple[int, ...] = field(default=STEPS)


def tiny_pythia(server: HubServer) -> TinyPythia:
    """Add the model and its two data sets to the hub."""
    rows = {STANDARD: data_rows(0), DEDUPED: data_rows(1)}
    data_shas = {
        name: server.add_repo("dataset", name, {"main": preshuffled_files(order)})["main"]
        for name, order in rows.items()
    }
    shas = server.add_repo("model", REPO, _revisions())
    return TinyPythia(rows[STANDARD], rows[DEDUPED], shas, data_shas)


@cache
def _revisions() -> dict[str, dict[str, bytes]]:
    common = {
        "config.json": json.dumps(config(), indent=2).encode(),
        "README.md": b"# A tiny Pythia\n",
        **tokenizer_files(),
    }
    found = {}
    for step in STEPS:
        files, weights = dict(common), tiny_weights(step)
        if step in BIN_ONLY or step in BOTH:
            files["pytorch_model.bin"] = old_bin(weights)
        if step not in BIN_ONLY and step != NO_WEIGHTS:
            files["model.safetensors"] = save(weights, metadata={"format": "pt"})
        if step == CORRUPT:
            files["model.safetensors"] = b"\xff" * 5000
        found[f"step{step}"] = files
    return {**found, "main": found[f"step{STEPS[-1]}"]}


def config() -> dict[str, object]:
    """config.json with the keys that the real ones have, which are older than the library."""
    return {
        "architectures": ["GPTNeoXForCausalLM"],
        "bos_token_id": 0,
        "eos_token_id": 0,
        "hidden_act": "gelu",
        "hidden_size": WIDTH,
        "initializer_range": 0.02,
        "intermediate_size": 4 * WIDTH,
        "layer_norm_eps": 1e-05,
        "max_position_embeddings": POSITIONS,
        "model_type": "gpt_neox",
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "rotary_emb_base": 10000,
        "rotary_pct": 0.25,
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "transformers_version": "4.24.0",
        "use_cache": True,
        "use_parallel_residual": True,
        "vocab_size": VOCABULARY,
    }


def tiny_weights(step: int) -> dict[str, torch.Tensor]:
    """The weights after so many steps, in fp16: a random start, random growth and a unigram that is learned."""
    start, grown = _random_weights(0), _random_weights(1)
    share = step / STEPS[-1]
    weights = {name: tensor + share * (grown[name] - tensor) for name, tensor in start.items()}
    counts = np.bincount(data_rows(0)[: ROWS // 2].ravel(), minlength=VOCABULARY) + 1.0
    unigram = torch.tensor(np.log(counts / counts.mean()), dtype=torch.float32)
    weights["gpt_neox.final_layer_norm.bias"][0] += 4.0  # a channel that is always on carries the unigram
    weights["embed_out.weight"][:, 0] += share * unigram / 4.0
    return {name: tensor.half() for name, tensor in weights.items()}


@cache
def _random_weights(seed: int) -> dict[str, torch.Tensor]:
    shapes: dict[str, tuple[int, ...]] = {"gpt_neox.embed_in.weight": (VOCABULARY, WIDTH)}
    for layer in range(LAYERS):
        for part, (out, into) in {
            "attention.query_key_value": (3 * WIDTH, WIDTH),
            "attention.dense": (WIDTH, WIDTH),
            "mlp.dense_h_to_4h": (4 * WIDTH, WIDTH),
            "mlp.dense_4h_to_h": (WIDTH, 4 * WIDTH),
        }.items():
            shapes[f"gpt_neox.layers.{layer}.{part}.weight"] = (out, into)
            shapes[f"gpt_neox.layers.{layer}.{part}.bias"] = (out,)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"gpt_neox.layers.{layer}.{norm}.weight"] = (WIDTH,)
            shapes[f"gpt_neox.layers.{layer}.{norm}.bias"] = (WIDTH,)
    shapes |= {f"gpt_neox.final_layer_norm.{part}": (WIDTH,) for part in ("weight", "bias")}
    shapes["embed_out.weight"] = (VOCABULARY, WIDTH)
    generator = torch.Generator().manual_seed(seed)
    weights = {name: 0.1 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return {name: w + 1.0 if "norm.weight" in name else w for name, w in weights.items()}


def old_bin(weights: dict[str, torch.Tensor]) -> bytes:
    """pytorch_model.bin as the library of 2022 wrote it, with buffers that are no weights."""
    state = dict(weights)
    for layer in range(LAYERS):
        at = f"gpt_neox.layers.{layer}.attention"
        state[f"{at}.bias"] = torch.ones(1, 1, POSITIONS, POSITIONS, dtype=torch.bool).tril()
        state[f"{at}.masked_bias"] = torch.tensor(-1e9)
        state[f"{at}.rotary_emb.inv_freq"] = torch.ones(1)
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


@cache
def tiny_tokenizer() -> Tokenizer:
    """Byte-level BPE as Pythia's: `<|endoftext|>` 0, `<|padding|>` 1, the bytes, then 42 merges."""
    merges = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("i", "n"), ("Ġ", "a"), ("r", "e"), ("o", "n"), ("e", "r")]
    merges += [("Ġ", letter) for letter in "bcdefghilmnoprsuw"]
    merges += [("a", "n"), ("e", "n"), ("s", "t"), ("o", "r"), ("a", "t"), ("e", "s"), ("in", "g"), ("l", "e")]
    merges += [("a", "l"), ("e", "d"), ("a", "r"), ("i", "c"), ("o", "u"), ("i", "t"), ("r", "o"), ("l", "l")]
    merges += [("Ġa", "n")]
    pieces = ["<|endoftext|>", "<|padding|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    pieces += [first + second for first, second in merges]
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(piece, special=True) for piece in pieces[:2]])
    return tokenizer


def tokenizer_files() -> dict[str, bytes]:
    """tokenizer.json, tokenizer_config.json and special_tokens_map.json with Pythia's entries."""
    special = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    settings = {**special, "add_prefix_space": False, "tokenizer_class": "GPTNeoXTokenizer"}
    return {
        "tokenizer.json": tiny_tokenizer().to_str().encode(),
        "tokenizer_config.json": json.dumps(settings).encode(),
        "special_tokens_map.json": json.dumps(special).encode(),
    }


@cache
def data_rows(seed: int) -> np.ndarray:
    """Rows in training order, uint16 [ROWS, ROW_LENGTH]: documents of several kinds, EOD between them."""
    draw = np.random.default_rng(seed)
    texts: list[str] = []
    while sum(map(len, texts)) < 3 * ROWS * ROW_LENGTH:
        texts += [_document(draw, seed) for _ in range(200)]
    ids: list[int] = []
    for encoding in tiny_tokenizer().encode_batch(texts):
        ids += [*encoding.ids, EOD]
    rows = np.array(ids[: ROWS * ROW_LENGTH], dtype=np.uint16).reshape(ROWS, ROW_LENGTH)
    rows.setflags(write=False)
    return rows


_WORDS = (
    re.findall(r"\w+", "the river carried old letters past our house while nobody was looking at them"),
    re.findall(r"\w+", "five quick wizards jumped over fuzzy boxes and kept giving away every prize"),
)


def _document(draw: np.random.Generator, seed: int) -> str:
    """A short text: prose, code, markup, a table or LaTeX; its words tell the two orders apart."""
    a, b, c, d = (str(word) for word in draw.choice(_WORDS[seed], 4))
    n, m = (int(number) for number in draw.integers(0, 100, 2))
    prose = " ".join(str(word) for word in draw.choice(_WORDS[seed], int(draw.integers(20, 60))))
    return (
        f"{prose.capitalize()}.",
        f"{a.capitalize()} {b} {c}, and {prose}.",
        f"def {a}_{b}({c}, {d}):\n    return {c} + {n} * {d} - {m}\n",
        f"<p><a href='{a}.html'>{b} {c}</a> {d}</p>\n",
        f"{a},{b},{c}\n{n},{m},{n + m}\n{m},{n},{abs(n - m)}\n",
        f"\\begin{{equation}} {a[0]}_{{{n}}} = \\frac{{{b[0]}}}{{{m}}} \\end{{equation}}",
    )[int(draw.integers(6))]


def preshuffled_files(rows: np.ndarray) -> dict[str, bytes]:
    """`document-0000k-of-0000K.bin`, cut by bytes without regard to rows, and `document.idx` for `rows`."""
    count, length = rows.shape
    content = rows.astype("<u2").tobytes()
    cuts = [0, *(len(content) * k // SHARDS // 2 * 2 + 38 for k in range(1, SHARDS)), len(content)]
    files = {f"document-{k:05d}-of-{SHARDS - 1:05d}.bin": content[cuts[k] : cuts[k + 1]] for k in range(SHARDS)}
    index = b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, 8, count, count + 1)
    index += np.full(count, length, dtype="<i4").tobytes()
    index += (np.arange(count, dtype="<i8") * 2 * length).tobytes()
    index += np.arange(count + 1, dtype="<i8").tobytes()
    return {**files, "document.idx": index}
