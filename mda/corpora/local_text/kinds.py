"""What kind of text a file holds, by its name alone; None for files that are not read."""

from __future__ import annotations

from pathlib import PurePath

# in this order everywhere; documentation strings of Python files are prose, whatever is left of them is code
KINDS = ("prose", "code", "header", "markup", "data", "table", "translation")

_SUFFIXES = {
    "prose": ".md .rst .txt",
    "code": ".bash .c .cc .cmake .cpp .css .cu .f .f90 .js .mjs .pxd .pxi .py .pyi .pyx .sh .ts .tsx",
    "header": ".cuh .h .hh .hpp",
    "markup": ".htm .html .j2 .jinja .jinja2 .rng .svg .tex .xml .xsd .xsl .xslt",
    "data": ".cfg .ini .ipynb .json .jsonl .toml .yaml .yml",
    "table": ".csv .tsv",
    "translation": ".po .pot",
}
_OF_SUFFIX = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
_PAPERS = ("authors", "changelog", "changes", "contributors", "copying", "history", "license", "licence", "news",
           "notice", "readme")  # fmt: skip
_ABOUT_PACKAGE = (".dist-info", ".egg-info")


def kind_of(path: PurePath) -> str | None:
    """The kind of a file, its path being relative to the folder of packages.

    Of the folders in which installers describe a package only its description and its papers are read: the rest
    is lists of files and facts of this machine.
    """
    paper = path.stem.lower().startswith(_PAPERS)
    if any(part.endswith(_ABOUT_PACKAGE) for part in path.parts):
        return "prose" if paper or path.name in ("METADATA", "PKG-INFO") else None
    if paper and not path.suffix:
        return "prose"
    return _OF_SUFFIX.get(path.suffix.lower())


def package_of(path: PurePath) -> str:
    """The package that a file belongs to: the first part of its path, without version or suffix."""
    first = path.parts[0]
    if first.endswith(_ABOUT_PACKAGE):
        return first.partition("-")[0].lower()
    return (PurePath(first).stem if len(path.parts) == 1 else first).lower()
