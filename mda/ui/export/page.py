"""The page of a finding, from what was gathered: a pure function, without disk, models or network."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from mda.heads.geometry import Head
from mda.probes.probes import PROBES
from mda.ui.charts.colours import PROMOTES, SUPPRESSES
from mda.ui.charts.delays import delay_words
from mda.ui.export import figures
from mda.ui.export.document import data_link, document, figure_html, table_html
from mda.ui.export.finding import Experiment, Finding, ShownRow
from mda.ui.export.meaning import MEANING
from mda.ui.export.sentences import headline, sentences
from mda.ui.export.tables import csv, manifests, manifests_json, tables
from mda.ui.text.row_text import legend_html, row_html
from mda.ui.words.plain import name_of, rounded
from mda.ui.words.story import whose

MOST_TOKENS = 400  # of a row that are printed


def finding_html(finding: Finding) -> str:
    """The finding as one HTML page that holds figures, rows, settings, commands and data, and loads nothing."""
    title = headline(finding)
    parts = [
        _opening(finding, title),
        _births(finding),
        _scores(finding),
        _rows(finding),
        *[_experiment(finding, one) for one in finding.experiments],
        f"<h2>What the scores mean, and what they do not</h2>{MEANING}",
        _settings(finding),
        _commands(finding),
        _data(finding),
    ]
    return document(title, f"<main>{''.join(parts)}</main>")


def _opening(finding: Finding, title: str) -> str:
    told = [html.escape(one) for one in sentences(finding) if one != title]
    warned = "".join(f'<p class="doubt">{html.escape(doubt)}</p>' for doubt in finding.attribution.doubts)
    about = (
        f"Study {finding.study}: {finding.about}. Attribution: {finding.attribution.title}. Exported on "
        f"{finding.now:%d %B %Y at %H:%M} UTC by the MDA explorer {finding.versions['mda']}."
    )
    return f'<h1>{html.escape(title)}</h1><p class="quiet">{html.escape(about)}</p>{warned}<ul>{_items(told)}</ul>'


def _figure(shown: figures.Shown, level: int) -> str:
    """A figure under its title, a heading of that level."""
    return (
        f"<h{level}>{html.escape(shown.title)}</h{level}>"
        f"<figure>{figure_html(shown.figure, shown.name, shown.about)}"
        f"<figcaption>{html.escape(shown.about)}</figcaption></figure>"
    )


def _births(finding: Finding) -> str:
    shown = figures.births(finding)
    if shown is None:
        return ""
    lines = [
        [
            str(Head(int(line["layer"]), int(line["head"]))),
            name_of(str(line["score"])),
            f"{line['final']:.2f}",
            "from the first on" if math.isnan(line["birth_step"]) else f"{line['birth_step']:,.0f}",
        ]
        for line in finding.births.to_dict("records")
    ]
    about = "Born: a mean of 0.1 or more at the last three checkpoints. Step: where half of that is reached."
    return _figure(shown, 2) + table_html(["head", "score", "final", "born at step"], lines, about)


def _scores(finding: Finding) -> str:
    made_of = figures.made_of(finding)
    return "".join([_figure(figures.distribution(finding), 2), *[_figure(one, 2) for one in made_of]])


def _rows(finding: Finding) -> str:
    probe, heads = name_of(finding.attribution.manifest.spec["probe"]), whose(finding.asked)
    sides = (
        ("Promotes", PROMOTES, finding.promoting, f"training on these rows raises {probe} of {heads} most"),
        ("Suppresses", SUPPRESSES, finding.suppressing, "training on these rows lowers it most"),
    )
    parts = [
        f'<div><h3 style="border-top: 4px solid {colour}; padding-top: 0.3rem">{word} '
        f'<span class="quiet">· {html.escape(what)}</span></h3>{"".join(map(_row, rows))}</div>'
        for word, colour, rows, what in sides
    ]
    return f'<h2>The strongest rows</h2>{legend_html(True, False)}<div class="sides">{"".join(parts)}</div>'


def _row(row: ShownRow) -> str:
    told = [
        f"<b>{row.rank}</b>",
        f"score <b>{rounded(row.score)}</b>",
        f"row {row.row:,}",
        f"step {row.step:,}" if row.step is not None else "",
        html.escape(row.kind) if row.kind is not None else "",
        f"{100 * row.repeated:.0f} % repeated",
    ]
    text = row_html(row.pieces, row.spans, limit=MOST_TOKENS)
    return f'<div class="row"><p>{" · ".join(part for part in told if part)}</p>{text}</div>'


def _experiment(finding: Finding, experiment: Experiment) -> str:
    """Delays and curves of one experiment."""
    title = (
        f"Rows changed in steps {experiment.start:,} to {experiment.stop:,}, trained until {experiment.until:,}"
    )
    shown = [figures.delays(experiment), figures.curves(finding, experiment)]
    notes = []
    if experiment.lines.empty:
        score = name_of(experiment.score)
        notes.append(
            f"No head is born into {score} in the baseline here, so there is no birth that could be delayed."
        )
    notes.extend(experiment.caveats)
    if experiment.alone:
        notes.append(f"Without a baseline, and so only among the curves: {', '.join(experiment.alone)}.")
    return (
        f"<h2>{title}</h2>"
        + "".join(f"<p>{html.escape(note)}</p>" for note in notes)
        + "".join(_figure(one, 3) for one in shown if one is not None)
        + _delays(experiment)
    )


def _delays(experiment: Experiment) -> str:
    """The delays of the told heads in numbers; the others are in the data."""
    if experiment.lines.empty:
        return ""
    told = experiment.lines.to_dict("records")
    words = [delay_words(line) for lines in figures.delay_lines(experiment).values() for line in lines]
    header = ["arm", "baseline's final", "arm's final", "delay in steps [95 %]", "replicates"]
    lines = [
        [line["arm"], f"{line['baseline']:.2f}", f"{line['final']:.2f}", delay, str(line["replicates"])]
        for line, delay in zip(told, words, strict=True)
    ]
    if any(line["note"] for line in told):
        header.append("note")
        lines = [[*cells, line["note"]] for cells, line in zip(lines, told, strict=True)]
    about = (
        f"{whose(experiment.heads.split(' + '))}. Final: mean of the last three looks. Brackets: bootstrap over "
        "replicates, too narrow for three of them. Other heads are in the data below."
    )
    return table_html(header, lines, about)


def _settings(finding: Finding) -> str:
    spec, result = finding.attribution.manifest.spec, finding.attribution.manifest.result
    about = PROBES[spec["probe"]].about if spec["probe"] in PROBES else ""
    asked = [
        ["probe", f"{spec['probe']}: {about}"],
        ["of heads", ", ".join(spec["heads"])],
        ["through the parameters of", ", ".join(spec["through"])],
        ["blocks", spec["blocks"]],
        ["checkpoints, scores summed", ", ".join(map(str, finding.attribution.steps))],
        ["probe's value there", ", ".join(f"{value:.3f}" for value in result["probe_value"].values())],
        ["rows", finding.attribution.choice.words.removeprefix("rows ")],
        ["curvature", f"{spec['curvature']}, fitted on {spec['fit_rows']:,} rows"],
        ["seed, precision", f"{spec['seed']}, {spec['dtype']}"],
    ]
    made = [
        [
            name,
            manifest.identity[:12],
            manifest.code_version,
            f"{manifest.created:%Y-%m-%d %H:%M}",
            f"{manifest.seconds:,.0f} s",
            ", ".join(f"{key} {value}" for key, value in manifest.hardware.items()),
        ]
        for name, manifest in manifests(finding)
    ]
    header = ["artefact", "identity", "code", "made (UTC)", "in", "with"]
    versions = ", ".join(f"{name} {number}" for name, number in finding.versions.items())
    return (
        "<h2>Settings and versions</h2>"
        + table_html(["setting", "value"], asked, "What the attribution was asked.")
        + f'<p class="quiet">Exported with {html.escape(versions)}.</p>'
        + f"<details><summary>The {len(made)} artefacts behind this finding</summary>"
        + table_html(header, made, "An identity is the digest of everything that changes an artefact's numbers.")
        + "</details><details><summary>Their whole specifications</summary>"
        + f"<pre>{html.escape(manifests_json(finding))}</pre></details>"
    )


def _commands(finding: Finding) -> str:
    lines = html.escape("\n".join(finding.commands))
    return (
        "<h2>To make it again</h2><p>With the same code each command makes an artefact of the same identity; "
        "where it is there already it costs nothing. Words in capitals stand for what only the study's owner "
        "has.</p>"
        f'<pre tabindex="0">{lines}</pre>'
    )


def _data(finding: Finding) -> str:
    links = [
        data_link(f"{name}.csv", csv(table), "text/csv", f"{len(table):,} lines: {about}")
        for name, (table, about) in tables(finding).items()
    ]
    links.append(
        data_link("specifications.json", manifests_json(finding).encode(), "application/json", "all artefacts")
    )
    return f"<h2>Data</h2><ul>{_items(links)}</ul>"


def _items(lines: Sequence[str]) -> str:
    return "".join(f"<li>{line}</li>" for line in lines)
