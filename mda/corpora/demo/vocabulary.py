"""The 256 word-level tokens of the demo corpus and their fast tokenizer.

Every token carries its own white space (words begin with a space, names do not), so that decoding a row is
plain concatenation and reads as text: names join into identifiers (`BariBeno`), words into sentences.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"

# 96 invented names: the material of everything that a document may repeat. Invented, so that a name says
# nothing about what follows it and copying is the only way to predict the second half of a repeated one.
NAMES = tuple(onset + rime for onset in "BDFGHJKLMNPRSTVZ" for rime in ("ari", "eno", "ilu", "ora", "una", "esk"))

DETERMINERS = ("the", "a", "this", "every", "some", "one", "that", "no")
ADJECTIVES = (
    "old", "small", "green", "quiet", "cold", "long", "bright", "heavy", "new", "dry", "deep", "warm",
    "late", "open", "plain", "round", "slow",
)  # fmt: skip
NOUNS = (
    "river", "stone", "house", "road", "bird", "field", "letter", "garden", "bridge", "winter", "morning",
    "window", "forest", "island", "table", "story", "village", "market", "boat", "hill", "lamp", "song",
    "train", "door", "tree", "city", "clock", "storm", "book", "mill", "harbour", "teacher", "farmer",
    "child", "fire", "water",
)  # fmt: skip
VERBS = (
    "sees", "finds", "keeps", "carries", "follows", "opens", "leaves", "builds", "crosses", "hears", "brings",
    "covers", "holds", "takes", "meets", "watches", "moves", "turns",
)  # fmt: skip
PREPOSITIONS = ("in", "on", "near", "under", "behind", "beyond", "with", "from", "toward", "across")
ADVERBS = ("slowly", "often", "again", "today", "never", "soon", "early", "always", "here", "there")
CONNECTIVES = ("and", "but", "while", "because", "so", "then")
LOG_WORDS = (
    "started", "stopped", "retry", "timeout", "ready", "queue", "request", "failed", "loaded", "closed",
    "sent", "done", "error", "warning", "cache",
)  # fmt: skip
WORDS = tuple(
    dict.fromkeys(DETERMINERS + ADJECTIVES + NOUNS + VERBS + PREPOSITIONS + ADVERBS + CONNECTIVES + LOG_WORDS)
)

INDENT = "\n    "  # one token, as in the tokenizers of real models

SYMBOLS = (
    "\n", " ", INDENT, ".", ",", ":", "=", "+", "-", "(", ")", "{", "}", "[", "]", "<", "</", ">", "/", "|",
    "&", "\\\\", "\\begin", "\\end", "$", "#", '"', "def", "return", *"0123456789",
)  # fmt: skip

TOKENS = (END_OF_TEXT, *NAMES, *(f" {word}" for word in WORDS), *SYMBOLS)
ID = {token: index for index, token in enumerate(TOKENS)}
NAME_IDS = tuple(ID[name] for name in NAMES)

# Splits text back into tokens. Longest first where one token begins another ("</" before "<").
_PATTERN = "|".join(
    (
        re.escape(END_OF_TEXT),
        *(r"\n {4}", r"\\begin", r"\\end", r"\\\\", r"</", r" ?[a-z]+", r"[A-Z][a-z]+", r"\d", r"\s", r"."),
    )
)


def demo_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of the demo corpus: 256 tokens, `decode` by concatenation, `encode` inverts it.

    Text outside the vocabulary becomes `<|endoftext|>` (id 0), the corpus having no other token to spare.
    """
    tokenizer = Tokenizer(models.WordLevel(ID, unk_token=END_OF_TEXT))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_PATTERN), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    from transformers import PreTrainedTokenizerFast  # takes a second, and pages import this module

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=END_OF_TEXT,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        clean_up_tokenization_spaces=False,
    )
