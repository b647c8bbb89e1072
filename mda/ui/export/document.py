"""The shell of an HTML file that needs nothing else: style, figures with their library once, and data as links.

Whatever such a file may run or load is fixed by its own policy: the two scripts written here by their digests,
styles in the file, pictures and downloads made from it. Nothing else, and nothing from any network.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

_HERE = Path(__file__).parent


def document(title: str, body: str) -> str:
    """A whole page. title: plain text; body: HTML, with `figure_html` in it."""
    scripts = [_library(), (_HERE / "document.js").read_text(encoding="utf-8")]
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(_digest(script) for script in scripts)}",
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
            "font-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    style = (_HERE / "document.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{html.escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\n"
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body>\n</html>\n"
    )


def figure_html(figure: go.Figure, name: str, about: str) -> str:
    """A figure that the page's script draws. name: of the file that its camera saves; about: for those who do not
    see it. Colours of text and background are the page's."""
    # margins are measured for labels in a narrower font than some browsers have
    margin = figure.layout.margin
    left, right = (1.2 * (80 if side is None else side) for side in (margin.l, margin.r))
    drawn = go.Figure(figure).update_layout(template=_template(), margin_l=left, margin_r=right)
    # a data block: never run, and no text of a corpus can end it early
    content = json.dumps({"name": name, **json.loads(drawn.to_json())}).replace("<", "\\u003c")
    height = int(figure.layout.height or 450)
    return (
        f'<div class="plot" role="group" aria-label="{html.escape(about)}" style="min-height: {height}px">'
        f'<script type="application/json">{content}</script></div>'
    )


def figure_page(figure: go.Figure, name: str, title: str) -> str:
    """A page of its own for one figure."""
    return document(title, f"<main><h1>{html.escape(title)}</h1>{figure_html(figure, name, title)}</main>")


def data_link(file_name: str, content: bytes, mime: str, about: str) -> str:
    """A link that saves `content` as a file."""
    address = f"data:{mime};base64,{base64.b64encode(content).decode()}"
    size = f"{len(content) / 1e6:.1f} MB" if len(content) >= 1e5 else f"{max(1, round(len(content) / 1e3))} kB"
    return (
        f'<a download="{html.escape(file_name)}" href="{address}">{html.escape(file_name)}</a> '
        f"({html.escape(about)}, {size})"
    )


def table_html(header: Sequence[str], lines: Sequence[Sequence[str]], caption: str) -> str:
    """A table of plain texts; it scrolls by itself where the page is narrow."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return (
        f'<p class="quiet">{html.escape(caption)}</p>'
        f'<div class="wide" tabindex="0" role="region" aria-label="{html.escape(caption)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


@cache
def _library() -> str:
    return str(get_plotlyjs())


@cache
def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _template() -> go.layout.Template:
    """What figures have in common on a page: clear backgrounds, and a font that the page gives its colour."""
    axis = {"zeroline": False, "linecolor": "rgba(0, 0, 0, 0)", "automargin": True}
    return go.layout.Template(
        layout={
            "paper_bgcolor": "rgba(0, 0, 0, 0)",
            "plot_bgcolor": "rgba(0, 0, 0, 0)",
            "font": {"family": "Arial, Helvetica, sans-serif", "size": 12},
            "xaxis": axis,
            "yaxis": axis,
        }
    )
