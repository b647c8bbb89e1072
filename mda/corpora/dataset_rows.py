"""Rows from a data set of text on the hub: a column's texts, streamed and packed until there are enough rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mda.corpora.files import TEXT_COLUMN, RowFile, checked
from mda.corpora.packing import packed
from mda.errors import UserError
from mda.hub import client
from mda.hub.ranges import file_size

if TYPE_CHECKING:
    from datasets import IterableDataset
    from transformers import PreTrainedTokenizerFast

# Formats of files that hold text. The library reads others too, some of them by code that nobody needs here.
FORMATS = ("Parquet", "Json", "Csv", "Text", "Arrow")

MAX_ROWS = 8192  # 17 million tokens in rows of 2049, unless more are asked for


@dataclass(frozen=True)
class DatasetText:
    """A column of text in a data set on the hub at a commit (40 hex digits).

    `column`: None for `text`. `config`: None where the data set has only one. In a data set of plain text files
    every line is a text, as the library reads them.
    """

    repo: str
    commit: str
    column: str | None = None
    config: str | None = None
    split: str = "train"


def read_dataset(
    text: DatasetText,
    vocab_size: int,
    row_length: int,
    tokenizer: PreTrainedTokenizerFast,
    max_rows: int = MAX_ROWS,
    advance: Callable[[int], None] = lambda rows: None,
) -> RowFile:
    """The first `max_rows` rows (or all, if they are fewer) that the texts fill, end-of-text between documents.

    Only as much of the data set is downloaded as that takes. `advance` is told rows as they come. Raises HubError
    where the data set cannot be had, and UserError for a config, split or column that it does not have.
    """
    rows = packed(_texts(text), tokenizer, row_length, text.repo, max_rows, advance)
    return RowFile(checked(rows, vocab_size, text.repo), in_order=False)


def _texts(text: DatasetText) -> Iterator[str]:
    column = text.column or TEXT_COLUMN
    with _hub_errors(text):
        for entry in _stream(text):
            if column not in entry:
                raise UserError(
                    f"{text.repo} has no column '{column}'; it has {', '.join(entry)}: say which holds the text."
                )
            if isinstance(entry[column], str):
                yield entry[column]
            elif entry[column] is not None:
                kind = type(entry[column]).__name__
                raise UserError(f"The column '{column}' of {text.repo} holds {kind} and not text; choose another.")


def _stream(text: DatasetText) -> IterableDataset:
    """The entries, one by one. Raises UserError for formats other than `FORMATS`.

    The library refuses files outside the repository that a data set's card may point to.
    """
    for name in islice(client.files(text.repo, "dataset", text.commit), 1):
        file_size(text.repo, "dataset", text.commit, name)  # says in one sentence what is closed, and to whom
    import datasets

    # The library reads its environment once, when it is imported; and it would tell another server of every load.
    datasets.config.HF_ENDPOINT = client.endpoint()
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    datasets.config.STREAMING_READ_MAX_RETRIES = 3
    datasets.config.STREAMING_READ_RETRY_INTERVAL = 1
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    builder = datasets.load_dataset_builder(f"hf://datasets/{text.repo}", text.config, revision=text.commit)
    kinds = [kind.__name__ for kind in type(builder).__mro__]
    if not set(kinds) & set(FORMATS):
        raise UserError(
            f"{text.repo} is made of {kinds[1]} files, and text is read from {', '.join(FORMATS)}; use another."
        )
    files: dict[str, Any] = builder.config.data_files or {}
    if text.split not in files:
        raise UserError(f"{text.repo} has no split '{text.split}'; it has {', '.join(files) or 'none'}.")
    return builder.as_streaming_dataset(split=text.split)


@contextmanager
def _hub_errors(text: DatasetText) -> Iterator[None]:
    """One sentence for whatever the library raises."""
    from datasets.exceptions import DatasetsError
    from httpx2 import ConnectError, ConnectTimeout, HTTPError
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except UserError:
        raise
    except ImportError as error:
        raise UserError(
            f"{text.repo} points to files outside the hub, or of a rare kind ({error}); use another data set."
        ) from error
    except (DatasetsError, HfHubHTTPError, HTTPError, pa.ArrowException, ValueError, OSError) as error:
        lost = (ConnectError, ConnectTimeout, OfflineModeIsEnabled)
        if any(isinstance(cause, lost) for cause in _causes(error)):
            raise client.Offline(
                f"{client.endpoint()} cannot be reached for {text.repo}: check the network, and HF_HUB_OFFLINE."
            ) from error
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise client.HubError(
            f"The text of {text.repo} cannot be read ({told}); try again, or use another data set."
        ) from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
