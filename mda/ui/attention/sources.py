"""The sequences a head can be watched on: a typed prompt, a training row, or random tokens repeated."""

from __future__ import annotations

import re

import numpy as np
import streamlit as st

from mda.heads.sequences import repeated_batches, spread_periods
from mda.studies.study import Study
from mda.ui.attention.frames import LONGEST, TokenSequence, row_sequence, texts
from mda.ui.attention.prompt import Prompt, read_prompt
from mda.ui.frame.choices import carried, keep, parse_option, settle
from mda.ui.frame.links import ROW, page_link
from mda.ui.text.bring import bring_rows
from mda.ui.words.plain import plain
from mda.ui.words.rows import kinds_note, numbering, short_place

PROMPT_LETTERS = 2000
DRAWS = 1000  # seeds of random sequences to choose from
DEFAULT_PROMPT = " every bird follows TenoKora toward the quiet river. the old farmer hears TenoKora sees TenoKora"

NAMES = {"random": "Random tokens, repeated", "row": "Training row", "prompt": "Prompt"}
_KEYS = {"random": ("period", "draw"), "row": ("row",), "prompt": ("text",)}
_WORDS_TOLD = 12


def choose_sequence(study: Study) -> TokenSequence | None:
    """Controls for the source and what it needs; None, and why, where there is nothing to read yet."""
    sources = [name for name in NAMES if name != "prompt" or study.tokenizer is not None]
    settle("source", sources[0], parse_option(sources), "source of text", options=sources)
    line = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    below = st.container()
    with line:
        source = keep(
            "source",
            st.segmented_control(
                "Sequence", sources, key="source", format_func=lambda name: NAMES[name], required=True,
                help="What the head reads. Random tokens repeated are what head scores are measured on.",
            ) or sources[0],
        )  # fmt: skip
        found = {"random": _random, "row": _row, "prompt": _prompt}[source](study, below)
    for other in set(_KEYS) - {source}:
        for key in _KEYS[other]:
            if key in st.query_params:
                keep(key, carried(key), "")  # the link then holds what is shown and no more
    return found


def _random(study: Study, below: st.delta_generator.DeltaGenerator) -> TokenSequence:
    longest = spread_periods(min(study.facts.seq_len, LONGEST), len(study.facts.probe_ids))[-1]
    period = _number(
        "Period", "period", 4, longest, min(40, longest), "So many random tokens, which then come once more."
    )
    draw = _number("Draw", "draw", 0, DRAWS - 1, 0, "Another number draws other tokens; the same, the same ones.")
    batch = repeated_batches(study.facts.probe_ids, study.facts.start_id, (period,), 1, draw)[0]
    ids = batch.tokens[0].numpy()
    about = (
        f"A start token, {period} random tokens, and the same {period} again. In copy 2 an induction head looks "
        "at what followed the same token in copy 1 (dashed)."
    )
    return TokenSequence(ids, texts(study, ids), about, (1, 1 + period))


def _row(study: Study, below: st.delta_generator.DeltaGenerator) -> TokenSequence | None:
    rows = study.facts.rows
    row = _number("Row", "row", 0, rows - 1, 0, numbering(study))
    with below:
        if bring_rows(study, [row]):
            return None
    kind = study.kind_names(np.array([row]))[0]
    page_link(ROW, f"All about row {row:,}", ":material/notes:", row=row)
    rules = ", told by rules" if kinds_note(study) else ""
    what = f"Row {row:,}" + (f" ({plain(kind)}{rules})" if kind is not None else "")
    return row_sequence(study, row, f"{what}, {short_place(study, row)}.")


def _prompt(study: Study, below: st.delta_generator.DeltaGenerator) -> TokenSequence | None:
    settle("text", DEFAULT_PROMPT, lambda asked: asked[:PROMPT_LETTERS], "prompt")
    text = keep(
        "text",
        st.text_area(
            "Prompt", key="text", max_chars=PROMPT_LETTERS, height=80,
            help="Ctrl + Enter reads it. A start token is put before it.",
        ) or "",
    )  # fmt: skip
    longest = min(study.facts.seq_len, LONGEST)
    read = _read(study.name, study.manifest.identity, text, longest, study)
    if len(read.ids) < 2:
        below.info("Type a prompt to see where the head looks in it.")
        return None
    about = f"{len(read.ids)} tokens, the start token among them."
    if read.cut:
        about += f" The last {read.cut:,} are left out: the model was trained on {longest:,} at a time."
    if read.unknown:
        named = ", ".join(f"“{plain(word[:30])}”" for word in read.unknown[:_WORDS_TOLD])
        more = f" and {len(read.unknown) - _WORDS_TOLD} more" if len(read.unknown) > _WORDS_TOLD else ""
        about += (
            f" **The tokenizer does not know {named}{more}**: the model reads its unknown token there. Spelling, "
            "capitals and the space before a word all count."
        )
    ids = np.array(read.ids, dtype=np.int64)
    return TokenSequence(ids, texts(study, ids), about, focus=len(ids) - 1)


def _number(label: str, key: str, low: int, high: int, default: int, help: str) -> int:
    """A whole number that lives in the URL; the nearest there is, where the URL has one out of bounds."""

    def near(asked: str) -> int:
        return min(max(int(asked), low), high) if re.fullmatch(r"-?[0-9]{1,30}", asked) else default

    def parse(asked: str) -> int | None:
        return near(asked) if str(near(asked)) == asked else None

    settle(key, default, parse, label.lower(), near, options=range(low, high + 1))
    return keep(key, int(st.number_input(label, low, high, step=1, key=key, width=140, help=help)))


@st.cache_data(max_entries=256, show_spinner=False)
def _read(name: str, identity: str, text: str, longest: int, _study: Study) -> Prompt:
    assert _study.tokenizer is not None
    return read_prompt(text, _study.tokenizer, _study.facts.start_id, longest)
