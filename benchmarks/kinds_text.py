"""Labelled text for `benchmarks.kinds`: files of the user's own machine, labelled by where they come from.

Looked through are Python's library, the installed packages and the system's shared files (documentation,
translations, scripts, logs); nothing of what they say is printed. A label is the file's, so a licence at the head
of a source file is labelled code, and whoever calls it prose is counted as wrong.
"""

from __future__ import annotations

import ast
import codecs
import gettext
import gzip
import hashlib
import os
import re
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path

from benchmarks import kinds_made

LIMIT = 150
"""Texts taken from one source, so that none outweighs the others."""

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_READ = 400_000  # bytes of a file
_LOOKED_AT = 3000  # files of one source

Texts = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Source:
    """Where texts of one kind come from; made: by a rule here, not found."""

    kind: str
    name: str
    texts: Callable[[], Texts]
    made: bool = False


@dataclass(frozen=True)
class Text:
    """One labelled text; held_out: in the half that the rules were not written with."""

    kind: str
    source: str
    key: str
    text: str

    @property
    def held_out(self) -> bool:
        return draw(f"half {self.key}") < 0.5


def draw(name: str) -> float:
    """A number in [0, 1) that depends on the name alone: the seeded dice of this benchmark."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6]) / 2**48


def roots() -> list[Path]:
    """Folders looked through, those that exist."""
    paths = sysconfig.get_paths()
    named = [Path(paths[name]) for name in ("stdlib", "purelib", "include")] + [Path("/usr/share")]
    return [path for path in named if path.is_dir()]


@cache
def _files() -> list[tuple[str, Path]]:
    """Every file below the roots, by the name that decides its half: its path below its root."""
    found: dict[str, Path] = {}
    for root in roots():
        for folder, below, names in os.walk(root):
            below[:] = [name for name in below if name not in ("__pycache__", "site-packages")]
            for name in names:
                path = Path(folder, name)
                found.setdefault(str(path.relative_to(root)), path)
    return sorted(found.items(), key=lambda item: draw(item[0]))


def _read(path: Path) -> str:
    """The file as UTF-8 text, "" where it is none."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            return codecs.getincrementaldecoder("utf-8")().decode(file.read(_READ)).replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError, EOFError):
        return ""


def _matching(pattern: str) -> Iterator[tuple[str, Path]]:
    wanted = re.compile(pattern)
    return islice(((key, path) for key, path in _files() if wanted.search(key)), _LOOKED_AT)


def files(pattern: str, change: Callable[[str], str] = str) -> Callable[[], Texts]:
    """Texts of the files whose path matches, changed by `change`."""
    return lambda: ((key, change(_read(path))) for key, path in _matching(pattern))


def _no_pod(text: str) -> str:
    """A Perl file without its documentation."""
    return re.sub(r"^=\w.*?(?:^=cut|\Z)", "", text, flags=re.M | re.S)


def _head(text: str) -> str:
    return text.partition("\n\n")[0]


class _Paragraphs(HTMLParser):
    """The text of the paragraphs of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.parts = False, [""]

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "p":
            self.parts.append("")
        self.inside = self.inside or tag == "p"

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "p"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.parts[-1] += data


def _paragraphs(text: str) -> str:
    parser = _Paragraphs()
    parser.feed(text)
    parts = [" ".join(part.split()) for part in parser.parts]
    return "\n\n".join(part for part in parts if len(part) > 150)


def _docstrings(text: str) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED):
            yield ast.get_docstring(node) or ""


def _no_docstrings(text: str) -> str:
    """A Python file without its documentation strings; "" for one that this Python cannot read."""
    lines: list[str | None] = list(text.splitlines())
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ""
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            lines[node.body[0].lineno - 1 : node.body[0].end_lineno] = [None] * (
                (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
            )
    return "\n".join(line for line in lines if line is not None)


def _docstring_prose(text: str) -> str:
    """Paragraphs of three or more lines that stand at the margin of the documentation strings."""
    found = []
    for docstring in _docstrings(text):
        for block in docstring.split("\n\n"):
            lines = block.splitlines()
            if len(lines) >= 3 and all(line[:1].isalpha() for line in lines) and block.rstrip().endswith("."):
                found.append(block)
    return "\n\n".join(found)


def _docstring_formulas(text: str) -> str:
    """The blocks below `.. math::` in the documentation strings."""
    found = [
        block
        for docstring in _docstrings(text)
        for block in re.findall(r"^[ ]*\.\. math::[ ]*\n\n?((?:[ ]+\S.*\n?)+)", docstring, re.M)
    ]
    return "\n".join(found)


def _translations() -> Texts:
    """Messages of 40 characters or more of each translated catalogue, English ones excepted."""
    for key, path in _matching(r"LC_MESSAGES/[^/]*\.mo$"):
        if re.search(r"(^|/)en(_[A-Z]{2})?(@\w+)?/LC_MESSAGES", key):
            continue
        try:
            with path.open("rb") as file:
                catalogue = getattr(gettext.GNUTranslations(file), "_catalog", {})
        except (OSError, UnicodeDecodeError, ValueError, LookupError):
            continue
        messages = [
            there for here, there in catalogue.items() if here and len(there) >= 40 and there not in (here, "")
        ]
        yield key, "\n".join(messages)


def _certificates() -> Texts:
    for key, path in _matching(r"\.(pem|crt)$"):
        text = _read(path)
        for number in range(0, len(text), 20_000):
            yield (
                f"{key} {number}",
                "\n".join(
                    line
                    for line in text[number : number + 20_000].splitlines()
                    if re.fullmatch(r"[\w+/=]{40,}", line)
                ),
            )


def _system_logs() -> Texts:
    for path in sorted(Path("/var/log").glob("*.log")) + sorted(Path("/var/log/apt").glob("*.log")):
        text = _read(path)
        for number in range(0, len(text), 20_000):
            yield f"{path.name} {number}", text[number : number + 20_000]


def _made(kind: str) -> Source:
    return Source(kind, "made", lambda: kinds_made.texts(kind), made=True)


def _demo(name: str) -> Source:
    return Source(kinds_made.DEMO[name], f"demo corpus: {name}", lambda: kinds_made.demo(name), made=True)


SOURCES = (
    Source("prose", "licences", files(r"(?i)(^|/)(licen[cs]es?|copying|GPL|LGPL)[^/]*$(?<!\.py)(?<!\.pyi)")),
    Source("prose", "paragraphs of docstrings", files(r"\.py$", _docstring_prose)),
    Source("prose", "paragraphs of HTML pages", files(r"\.html?$", _paragraphs)),
    Source("prose", "README, .rst, .md", files(r"(?i)(README(\.gz)?|\.rst|\.md)$")),
    _demo("prose"),
    Source("other language", "translated messages", _translations),
    Source("other language", "files named for a language", files(r"(?i)README\.(de|fr|es|it|ja|ru|pt|pl|zh)\b")),
    Source("code", "Python", files(r"\.py$(?<!topics\.py)", _no_docstrings)),
    Source("code", "C and C++", files(r"\.(h|hpp|cuh|c|cpp)$")),
    Source("code", "JavaScript and CSS", files(r"\.(js|ts|css)$")),
    Source(
        "code",
        "shell, Perl, Lisp, Lua, Vim",
        files(r"^(?!.*(unicore|Collate)/).*\.(sh|pl|pm|el|lua|vim)$", _no_pod),
    ),
    _demo("code"),
    Source("latex", "formulas of docstrings", files(r"\.py$", _docstring_formulas)),
    Source("latex", "TeX files", files(r"\.(tex|sty|ltx)(\.gz)?$")),
    _made("latex"),
    _demo("latex"),
    Source("markup", "HTML", files(r"\.html?$")),
    Source("markup", "XML", files(r"\.(xml|xsl|xsd|rng|docbook)$")),
    Source("markup", "SVG", files(r"\.svg$")),
    _demo("xml"),
    Source("key-value", "JSON", files(r"\.(json|ipynb)$")),
    Source("key-value", "TOML, YAML, INI, desktop", files(r"\.(toml|ya?ml|ini|cfg|desktop|properties)$")),
    Source("key-value", "heads of METADATA", files(r"dist-info/METADATA$", _head)),
    Source("table", "CSV and TSV", files(r"\.(csv|tsv|tab)(\.gz)?$")),
    Source("table", "RECORD of packages", files(r"dist-info/RECORD$")),
    _made("table"),
    _demo("table"),
    Source("log", "system logs", _system_logs),
    _made("log"),
    Source(
        "list", "changelogs", files(r"(?i)(changelog|changes|news|history)(\.Debian|\.md|\.rst|\.txt)?(\.gz)?$")
    ),
    Source("list", "authors and thanks", files(r"(?i)(^|/)(authors|thanks|contributors)(\.txt)?(\.gz)?$")),
    _made("list"),
    _made("numbers"),
    Source("other", "certificates", _certificates),
    _made("other"),
)


def labelled() -> Iterator[Text]:
    """Up to `LIMIT` different texts of 200 characters or more from each source."""
    for source in SOURCES:
        seen: set[str] = set()
        for key, text in source.texts():
            digest = hashlib.sha256(text[:2000].encode("utf-8", "replace")).hexdigest()
            if len(text.strip()) >= 200 and digest not in seen:
                seen.add(digest)
                yield Text(source.kind, source.name, key, text)
            if len(seen) == LIMIT:
                break
