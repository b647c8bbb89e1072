"""Rows that hold a typed text: its tokens are looked for as a run of whole tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import streamlit as st

from mda.span_search import rows_with_run
from mda.studies.attributions import Attribution
from mda.studies.study import TOKENIZER, Study

LONGEST = 200  # letters of a text that are looked for
_TOKENS_AT_ONCE = 1 << 23  # that are in memory


def has_text(study: Study) -> bool:
    """Whether the study has a tokenizer, so that rows are text."""
    return (study.folder / TOKENIZER).is_dir()


class Runs(NamedTuple):
    """The runs of tokens that a text can be, and the words in it that the tokenizer does not know."""

    runs: list[list[int]]
    unknown: list[str]


def runs_of(study: Study, text: str) -> Runs:
    """The text as tokens, at the beginning of a line and after a space, as words often have it in their token.

    Where the study has no tokenizer the text is a list of token ids. No run where nothing is left of the text, or
    where the vocabulary lacks a part of it; then `unknown` names the parts.
    """
    return Runs(*_runs_of(study.name, study.manifest.identity, text.strip()[:LONGEST], study))


@st.cache_data(max_entries=50, show_spinner=False)
def _runs_of(name: str, identity: str, text: str, _study: Study) -> tuple[list[list[int]], list[str]]:
    study = _study
    if study.tokenizer is None:
        return _ids(text, study.facts.vocab_size)
    if not text:
        return [], []
    readings = [_read(study, form) for form in (text, f" {text}")]
    runs = [reading.runs[0] for reading in readings if not reading.unknown]
    fewest = min((reading.unknown for reading in readings), key=len)
    return [run for i, run in enumerate(runs) if run and run not in runs[:i]], [] if runs else fewest


class Search(NamedTuple):
    """Ascending numbers of the scored rows that hold what was sought, and how many scored rows were not looked at,
    because they are not on this machine."""

    rows: np.ndarray
    unseen: int


def rows_holding(study: Study, attribution: Attribution, runs: list[list[int]]) -> Search:
    """The scored rows on this machine that hold one of the runs; shared: do not write into it."""
    named = tuple(tuple(run) for run in runs)
    here = study.rows_here(attribution.row_numbers)
    key = study.name, attribution.manifest.identity, named, int(np.count_nonzero(here))
    numbers = attribution.row_numbers if here.all() else attribution.row_numbers[here]
    return Search(_rows_holding(*key, study, numbers), len(here) - len(numbers))


@st.cache_resource(max_entries=8, show_spinner="Searching the rows …")
def _rows_holding(
    name: str, identity: str, runs: tuple[tuple[int, ...], ...], there: int, _study: Study, _numbers: np.ndarray
) -> np.ndarray:
    at_once = max(1, _TOKENS_AT_ONCE // (_study.facts.seq_len + 1))
    found = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(_numbers), at_once):
        some = _numbers[start : start + at_once]
        rows = _study.rows[some]
        found += [some[rows_with_run(rows, np.array(run), len(some))[0]] for run in runs]
    return np.unique(np.concatenate(found))


def _read(study: Study, text: str) -> Runs:
    """One reading of a text: its run, and what of it is unknown."""
    assert study.tokenizer is not None
    told = study.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    none = study.tokenizer.unk_token_id
    parts = [text[first:last] for first, last in told["offset_mapping"]]
    unknown = [
        part.strip()
        for part, token in zip(parts, told["input_ids"], strict=True)
        if token == none and part != study.tokenizer.unk_token
    ]
    return Runs([[int(token) for token in told["input_ids"]]], list(dict.fromkeys(unknown)))


def _ids(text: str, vocabulary: int) -> Runs:
    parts = re.split(r"[\s,;]+", text) if text else []
    unknown = [part for part in parts if not (part.isascii() and part.isdigit() and int(part) < vocabulary)]
    return Runs([] if unknown or not parts else [[int(part) for part in parts]], unknown)
