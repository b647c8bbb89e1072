"""Text found on this machine: what is read and kept, in which order, and how it becomes rows."""

from __future__ import annotations

import os
import random
import shutil
import sysconfig
from pathlib import Path, PurePath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from mda.corpora.local_text.find import Bounds, Document, corpus_digest, find_text
from mda.corpora.local_text.folders import installed, sources
from mda.corpora.local_text.kinds import KINDS, kind_of, package_of
from mda.corpora.local_text.pack import END_ID, END_OF_TEXT, pack, row_order, train_tokenizer
from mda.corpora.local_text.rules import LONGEST, LONGEST_LINE, SHORTEST, decoded, kept, split_python

PLENTY = Bounds(10**9, 10**9)
MODULE = '''"""What this module is for, told in a long sentence that says the same thing over and over again."""

LIMIT = 10  # of things


class Thing:
    """A thing.

    It has a long description, so that there is enough documentation here to be kept as a document of its own.
    """

    def grow(self, by):
        """Make it larger."""
        self.size = self.size + by  # not "documentation"
        return f"""not documentation {by}"""

    def short(self): "stays where it is"
'''


def words(seed: int, count: int = 80) -> str:
    """Invented prose, the same for the same seed."""
    source = random.Random(seed)
    made = ("".join(source.choices("abcdefghij", k=source.randint(2, 8))) for _ in range(count))
    return "\n".join(" ".join(line) for line in zip(*[made] * 8, strict=False)) + "\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of packages with everything that is read and much that is not."""
    files = {
        "alpha/guide.md": words(1),
        "alpha/core.py": MODULE + "# " + words(2).strip("\n").replace("\n", "\n# "),
        "alpha/fast.c": words(3),
        "alpha/fast.h": words(4),
        "alpha/page.html": words(5),
        "alpha/settings.json": words(6),
        "alpha/numbers.csv": "1.25,2.5,3.75\n" * 60,
        "alpha/locale/de.po": words(7),
        "beta/copy.md": words(1),  # the same as alpha's
        "beta-1.0.dist-info/METADATA": words(8),
        "beta-1.0.dist-info/licenses/LICENSE": words(9),
        "gamma.py": words(10).replace("\n", "\n# "),
        # nothing of these
        "alpha/empty.py": "",
        "alpha/min.js": "a b c;" * LONGEST_LINE,
        "alpha/made.py": "# This file was automatically generated\n" + words(11),
        "alpha/digits.json": "1.25, 2.5, 3.75,\n" * 60,
        "alpha/module.so": words(12),
        "alpha/.hidden.md": words(13),
        "alpha/.git/notes.md": words(14),
        "alpha/__pycache__/notes.md": words(15),
        "alpha/site-packages/notes.md": words(16),
        "beta-1.0.dist-info/RECORD": words(17),
        "beta-1.0.dist-info/direct_url.json": words(18),
    }
    for name, text in files.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "tree/alpha/nul.md").write_bytes(words(19).encode() + b"\0")
    (tmp_path / "tree/alpha/latin.md").write_bytes((words(20) + "é").encode("latin-1"))
    outside = tmp_path / "home"
    outside.mkdir()
    (outside / "diary.md").write_text(words(21))
    os.symlink(outside / "diary.md", tmp_path / "tree/alpha/diary.md")
    os.symlink(outside, tmp_path / "tree/alpha/linked")
    return tmp_path / "tree"


def test_what_is_kept_and_nothing_else(tree: Path) -> None:
    found = find_text([tree], PLENTY, 0)
    kinds = {1: "prose", 3: "code", 4: "header", 5: "markup", 6: "data", 7: "translation", 8: "prose", 9: "prose"}
    plain = {(kind, words(seed).strip("\n")) for seed, kind in kinds.items()}
    plain.add(("table", ("1.25,2.5,3.75\n" * 60).strip("\n")))
    plain.add(("code", words(10).replace("\n", "\n# ")))
    mine = {(document.kind, document.text) for document in found}
    assert plain <= mine
    rest = sorted(mine - plain)
    assert [kind for kind, _ in rest] == ["code", "prose"]  # core.py: its source and its documentation
    assert len(found) == len(mine)


def test_documentation_and_source_part() -> None:
    documentation, code = split_python(MODULE)
    assert documentation.startswith("What this module is for")
    assert "Thing\nA thing.\n\nIt has" in documentation
    assert "grow\nMake it larger." in documentation
    assert "not documentation" not in documentation
    left = MODULE.split("\n")
    assert code.split("\n") == left[1:6] + left[10:12] + left[13:]


@pytest.mark.parametrize("source", ["print 'old'\n", "def f(:\n", "x = 1\n", "", "def f():\n    pass\n"])
def test_source_without_documentation_stays_as_it_is(source: str) -> None:
    assert split_python(source) == ("", source)


@pytest.mark.parametrize(
    ("name", "kind", "package"),
    [
        ("numpy/core/a.py", "code", "numpy"),
        ("numpy-2.1.0.dist-info/METADATA", "prose", "numpy"),
        ("numpy-2.1.0.dist-info/licenses/LICENSE", "prose", "numpy"),
        ("numpy-2.1.0.dist-info/RECORD", None, "numpy"),
        ("Six.py", "code", "six"),
        ("LICENSE", "prose", "license"),
        ("a/README", "prose", "a"),
        ("a/README.rst", "prose", "a"),
        ("a/Makefile", None, "a"),
        ("a/b.H", "header", "a"),
        ("a/b.pyc", None, "a"),
        ("a/key.pem", None, "a"),
    ],
)
def test_kind_and_package_by_name(name: str, kind: str | None, package: str) -> None:
    assert kind_of(PurePath(name)) == kind
    assert package_of(PurePath(name)) == package


def test_long_documents_are_cut_at_a_line() -> None:
    text = words(0, 20_000)
    cut = kept(text, "prose")
    assert cut is not None
    assert LONGEST - 200 < len(cut) <= LONGEST
    assert text.startswith(cut + "\n")
    assert kept("a\n" * SHORTEST, "prose") == ("a\n" * SHORTEST).strip("\n")
    assert kept("a\n" * (SHORTEST // 2), "prose") is None


def test_line_ends_and_marks_of_other_systems() -> None:
    assert decoded("\ufeffa\r\nb\rc\n".encode()) == "a\nb\nc\n"
    assert decoded(b"\xff\xfe") is None


def test_the_order_depends_on_the_seed_and_not_on_the_place(tree: Path, tmp_path: Path) -> None:
    shutil.copytree(tree, tmp_path / "elsewhere", symlinks=True)
    here, there = find_text([tree], PLENTY, 0), find_text([tmp_path / "elsewhere"], PLENTY, 0)
    assert here == there
    assert corpus_digest(here) == corpus_digest(there)
    other = find_text([tree], PLENTY, 1)
    assert other != here
    assert set(other) == set(here)
    assert corpus_digest(other) != corpus_digest(here)


def test_the_digest_covers_text_and_kind() -> None:
    first = [Document("prose", "ab"), Document("code", "c")]
    digests = {
        corpus_digest(documents)
        for documents in (
            first,
            first[:1],
            [Document("code", "ab"), Document("code", "c")],
            [Document("prose", "a"), Document("code", "bc")],
            [Document("prose", "abc"), Document("code", "c")],
        )
    }
    assert len(digests) == 5


def test_no_package_and_no_total_goes_far_beyond_its_bound(tmp_path: Path) -> None:
    for package in ("large", "small"):
        for number in range(200 if package == "large" else 10):
            path = tmp_path / package / f"{number}.md"
            path.parent.mkdir(exist_ok=True)
            path.write_text(words(hash((package, number)) % 10**6, 400))
    sizes = {"large": 0, "small": 0}
    told: list[int] = []
    whole = {path.read_text().strip("\n"): path.parent.name for path in tmp_path.glob("*/*.md")}
    for document in find_text([tmp_path], Bounds(10**9, 30_000), 0, told.append):
        sizes[whole[document.text]] += len(document.text)
    assert 30_000 <= sizes["large"] < 30_000 + 3_000
    assert sizes["small"] > 10_000  # all of it
    assert sum(told) == sum(sizes.values())
    assert 20_000 <= sum(len(d.text) for d in find_text([tmp_path], Bounds(20_000, 10**9), 0)) < 23_000


def test_only_the_installation_is_walked() -> None:
    assert installed()[0] == Path(sysconfig.get_path("stdlib")).resolve()
    assert {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")} <= set(installed())
    assert len(set(installed())) == len(installed())
    assert not any("site-packages" in source.name.parts for source in sources(installed()[0]))


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """Documents in several scripts, one of which speaks of the end-of-text token."""
    made = [Document(KINDS[seed % 3], words(seed, 200)) for seed in range(30)]
    odd = [Document("prose", f"the token {END_OF_TEXT} ends a document\n")]
    odd.append(Document("translation", "żółć 漢字 🙂\n"))
    return [*made[:5], *odd, *made[5:]]


@pytest.fixture(scope="module")
def tokenizer(documents: list[Document]) -> PreTrainedTokenizerFast:
    return train_tokenizer(documents, 320)


def test_packed_rows_decode_to_the_documents(
    documents: list[Document], tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    assert len(tokenizer) == 320
    assert tokenizer.eos_token_id == tokenizer.bos_token_id == END_ID
    tokenizer.save_pretrained(tmp_path)
    stored = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    told: list[int] = []
    rows, _ = pack(documents, tokenizer, 33, told.append)
    assert (rows.dtype, rows.shape[1]) == (np.uint16, 33)
    assert sum(told) == len(documents)
    joined = "".join(document.text + END_OF_TEXT for document in documents)
    assert joined.startswith(stored.decode(rows.ravel().tolist()).rstrip("\ufffd"))
    # less than a row is left out, and no end-of-text but between documents
    assert len(stored.decode(rows.ravel().tolist())) > len(joined) - 33 * 20
    assert (rows == END_ID).sum() in (len(documents) - 1, len(documents))


def test_a_row_is_of_the_kind_of_most_of_its_tokens(
    documents: list[Document], tokenizer: PreTrainedTokenizerFast
) -> None:
    rows, kinds = pack(documents, tokenizer, 33)
    of_tokens: list[int] = []
    for document in documents:
        alone, _ = pack([document], tokenizer, 1)
        of_tokens += [KINDS.index(document.kind)] * len(alone)
    for row in range(len(rows)):
        counts = np.bincount(of_tokens[row * 33 : (row + 1) * 33], minlength=len(KINDS))
        assert counts[kinds[row]] == counts.max()
    assert {KINDS[kind] for kind in kinds} >= {"prose", "code", "header"}


def test_the_tokenizer_is_the_same_each_time(
    documents: list[Document], tokenizer: PreTrainedTokenizerFast
) -> None:
    again = train_tokenizer(documents, 320)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


@settings(max_examples=50, deadline=None)
@given(count=st.integers(1, 400), seed=st.integers(0, 100), data=st.data())
def test_held_out_rows_stay_at_the_end(count: int, seed: int, data: st.DataObject) -> None:
    held_out = data.draw(st.integers(0, count))
    order = row_order(count, held_out, seed)
    assert sorted(order) == list(range(count))
    assert order[count - held_out :].tolist() == list(range(count - held_out, count))
    if count - held_out > 20:
        assert order[: count - held_out].tolist() != list(range(count - held_out))
    assert np.array_equal(order, row_order(count, held_out, seed))
