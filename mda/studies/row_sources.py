"""Where a new study's rows come from: files on this machine, Pythia's preshuffled rows, or a data set of text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mda.errors import UserError
from mda.hub import client, preshuffled
from mda.hub.pythia import SEQ_LEN, PythiaModel
from mda.store.identity import array_digest
from mda.studies.study import HubRows

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig, PreTrainedTokenizerFast

    from mda.corpora.files import RowFile

TABLES = (".npy", ".parquet", ".jsonl")
_DATASET = re.compile(r"([A-Za-z0-9_][\w.-]*/[\w.-]+?)(?::(.+))?")


@dataclass(frozen=True)
class RowsAsked:
    """Which rows a study is to have: `where` is a path, `OWNER/DATASET[:COLUMN]`, or None for those that a Pythia
    was trained on. `column` holds the text of a table or data set; config and split (`train` where none is said)
    are about data sets of the hub."""

    where: str | None = None
    column: str | None = None
    config: str | None = None
    split: str | None = None

    def refuse_details(self) -> None:
        """Raise UserError where a column, a config or a split is said."""
        if any((self.column, self.config, self.split)):
            raise UserError(
                "--column, --config and --split are about data sets of text on the hub; leave them out here."
            )


@dataclass(frozen=True)
class FoundRows:
    """Rows that were found and checked, `count` of `length` ids each.

    Either `stored`, to be kept in the study, or `there` on the hub. `in_order`: the model was trained on them, row
    by row. `origin` is what a study's specification says of them.
    """

    count: int
    length: int
    in_order: bool
    origin: dict[str, Any]
    stored: RowFile | None = None
    there: HubRows | None = None


def find_rows(
    asked: RowsAsked, model: PythiaModel | None, config: GPTNeoXConfig, reader: PreTrainedTokenizerFast | None
) -> FoundRows:
    """The rows that are asked for, for a model with this configuration. Raises UserError for what cannot be."""
    if asked.where is None:
        if model is None:
            raise UserError(
                "Only of Pythia it is known which rows it was trained on: say with --rows which to study this "
                "model on (a file, or OWNER/DATASET on the hub)."
            )
        asked.refuse_details()
        return _preshuffled(model.rows, model, config)
    path = Path(asked.where).expanduser()
    named = None if path.exists() or path.suffix in TABLES else _DATASET.fullmatch(asked.where)
    if named is None:
        RowsAsked(config=asked.config, split=asked.split).refuse_details()
        return _from_file(path.resolve(), asked.column, config, reader)
    commit = client.commit(named[1], "dataset")
    if preshuffled.INDEX in client.files(named[1], "dataset", commit):
        asked.refuse_details()
        return _preshuffled(named[1], model, config, commit)
    if reader is None:
        raise UserError(f"{named[1]} holds text; say which tokenizer reads it with --tokenizer PATH.")
    from mda.corpora.dataset_rows import DatasetText, read_dataset

    text = DatasetText(named[1], commit, asked.column or named[2], asked.config, asked.split or "train")
    return _stored(
        read_dataset(text, config.vocab_size, _longest(config), reader), rows_from=f"{named[1]}@{commit}"
    )


def _from_file(
    path: Path, column: str | None, config: GPTNeoXConfig, reader: PreTrainedTokenizerFast | None
) -> FoundRows:
    from mda.corpora.files import read_rows

    found = read_rows(path, config.vocab_size, _longest(config), reader, column)
    if found.tokens.shape[1] > config.max_position_embeddings + 1:
        raise UserError(
            f"{path} has rows of {found.tokens.shape[1]} ids, and the model sees at most "
            f"{config.max_position_embeddings} positions; cut the rows to {config.max_position_embeddings + 1}."
        )
    return _stored(found)


def _stored(found: RowFile, **origin: str) -> FoundRows:
    kinds = found.kinds is not None and array_digest(kind_numbers(found))
    told = {**origin, "rows": array_digest(found.tokens), "kinds": kinds}
    count, length = found.tokens.shape
    return FoundRows(count, length, found.in_order, told, stored=found)


def _preshuffled(
    repo: str, model: PythiaModel | None, config: GPTNeoXConfig, commit: str | None = None
) -> FoundRows:
    """Rows of the hub, none of which is fetched but those that a look at the ids takes."""
    from mda.corpora.preshuffled.rows import PreshuffledRows

    commit = commit or client.commit(repo, "dataset")
    count, length = PreshuffledRows.describe(repo, commit)
    if length > config.max_position_embeddings + 1:
        raise UserError(
            f"{repo} has rows of {length} ids, and the model sees at most {config.max_position_embeddings} "
            "positions; choose other rows."
        )
    PreshuffledRows(repo, commit, count, length, config.vocab_size)[:1]  # refuses ids that the model does not have
    # of a model that is not of the suite, whoever names the rows knows; of one that is, only what was published
    either = model is not None and model.order_in_doubt and preshuffled.other_order(repo) is not None
    in_order = model is None or (not model.own_order and (repo == model.rows or either))
    return FoundRows(
        count,
        length,
        in_order,
        {"rows": f"{repo}@{commit}", "kinds": False},
        there=HubRows(repo=repo, commit=commit),
    )


def _longest(config: GPTNeoXConfig) -> int:
    """Ids of a row of packed text: one more than the model sees, since the last is only ever a target."""
    return min(int(config.max_position_embeddings), SEQ_LEN) + 1


def kind_numbers(found: RowFile) -> np.ndarray:
    """The kind of every row as its place among the sorted names, uint8 [N]. Raises UserError for too many."""
    names = sorted(set(found.kinds or []))
    if len(names) > 255:
        raise UserError(f"The column 'kind' has {len(names)} different values; at most 255 are kinds of text.")
    return np.array([names.index(kind) for kind in found.kinds or []], dtype=np.uint8)
