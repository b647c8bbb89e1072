"""Pythia's training rows on the hub: names, file names and the layout of the files.

Sources:

- Repositories: README of https://github.com/EleutherAI/pythia (section "Exploring the Dataset") and its pull
  request 128.
- Files `document-00000-of-00020.bin` … (21 of them, the hub shows 30 GB each but the last) and `document.idx`:
  the hub's own listing of `EleutherAI/pile-deduped-pythia-preshuffled` at commit 694ec2c. Exact sizes were not
  found, so they are asked for. Whether the number after `of` is the last shard's (as there) or their count: both
  are taken.
- Shards are the bytes of one file, cut at a fixed size without regard to rows: `utils/shard_memmap.py` and
  `utils/unshard_memmap.py` of that repository. So a row can lie in two shards.
- Index: `utils/mmap_dataset.py` there, which comes from Megatron. All numbers are little-endian; behind the header
  follow int32 sizes[n] (ids a row), int64 pointers[n] (bytes) and int64 documents[m].
- Rows of 2049 ids: `reshape(-1, 2049)` there, and issue 123. 143,000 steps of 1024 rows: the model card of
  https://huggingface.co/datasets/pietrolesci/pile-deduped-pythia-preshuffled, which holds the same rows as Parquet
  (143 files of 1,024,000 rows), and `models/*.yml` of the first repository.
- Row r enters the update of step r // 1024, so that the checkpoint `stepN` has seen rows [0, 1024 N): that model
  card and issue 127 there. This order is that of seed 1234, that is of the models without `-seed` in their name;
  the other seeds shuffled the data otherwise
  (https://huggingface.co/datasets/EleutherAI/pile-preshuffled-seeds).

Nobody has said in so many words that all rows have one length and uint16 ids. `mda.corpora.preshuffled.index`
reads the index and the shards' lengths and refuses files of which that is not true.
"""

from __future__ import annotations

import re
import struct

from mda.hub.names import PYTHIA_OWNER

STANDARD = f"{PYTHIA_OWNER}/pile-standard-pythia-preshuffled"
DEDUPED = f"{PYTHIA_OWNER}/pile-deduped-pythia-preshuffled"

INDEX = "document.idx"
SHARD = re.compile(r"document-(\d{5})-of-(\d{5})\.bin")  # number, and last number or count

HEADER = struct.Struct("<9sQBQQ")  # magic, version, code of the ids' type, rows, documents
MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
UINT16 = 8
ID_BYTES = 2

ROW_LENGTH = 2049  # ids: 2048 inputs, and one more as the last target
ROWS_A_STEP = 1024


def other_order(repo: str) -> str | None:
    """The data set that holds the other order; None for a data set that is neither."""
    return {STANDARD: DEDUPED, DEDUPED: STANDARD}.get(repo)
