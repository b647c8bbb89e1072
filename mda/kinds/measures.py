"""Rules that look at the counts of a piece of text, and of the line that it is of."""

import numpy as np

from mda.kinds.rules import Measure

MEASURES: tuple[Measure, ...] = (
    Measure(
        "prose",
        "function words",
        1.5,
        lambda p: (p.words >= 4) & (p.english >= 0.2 * p.words) & (p.letters >= 0.75 * p.visible),
        "a fifth of four words or more are English function words, and three quarters are letters",
    ),
    Measure(
        "prose",
        "letters only",
        1,
        lambda p: (p.words >= 5) & (p.english >= 0.1 * p.words) & (p.letters >= 0.93 * p.visible),
        "a tenth of five words or more are English function words, and 93 % are letters",
    ),
    Measure(
        "other language",
        "script",
        4,
        lambda p: (p.foreign >= 0.4 * p.letters) & (p.foreign >= 0.3 * p.visible),
        "two letters in five are not Latin",
    ),
    Measure(
        "other language",
        "function words",
        3,
        lambda p: (p.words >= 4) & (p.other >= 0.12 * p.words) & (p.other > p.english),
        "an eighth of four words or more are function words of other languages, and fewer are English ones",
    ),
    Measure(
        "other language",
        "no English",
        1.2,
        lambda p: (p.words >= 7) & (p.english == 0) & (p.letters >= 0.85 * p.visible),
        "seven words or more, and not one of them an English function word",
    ),
    Measure(
        "other language",
        "accents",
        1.5,
        lambda p: (
            (p.words >= 3) & (p.accented >= 2) & (p.accented >= 0.03 * p.letters) & (p.english < 0.1 * p.words)
        ),
        "two letters or more, and 3 % of them, have accents, and there are few English function words",
    ),
    Measure(
        "table",
        "commas",
        2.5,
        lambda p: (p.commas >= 2) & (p.as_neighbour(p.commas) > 0) & (p.english <= 0.1 * p.words),
        "as many commas without a space after them as in the line above or below, and no sentence",
    ),
    Measure(
        "table",
        "semicolons",
        3,
        lambda p: (p.semicolons >= 2) & (p.as_neighbour(p.semicolons) > 0),
        "as many semicolons within the line as in the line above or below, two or more",
    ),
    Measure(
        "table",
        "tabs",
        3,
        lambda p: (p.tabs >= 2) & (p.as_neighbour(p.tabs) > 0),
        "as many tabs as in the line above or below, two or more",
    ),
    Measure(
        "table",
        "pipes",
        3.5,
        lambda p: (p.pipes >= 2) & (p.as_neighbour(p.pipes) > 0),
        "as many upright strokes as in the line above or below, two or more",
    ),
    Measure(
        "table",
        "columns",
        2,
        lambda p: p.aligned >= 2,
        "two edges of wide gaps or more are in the same columns as in the line above or below",
    ),
    Measure("table", "many columns", 1, lambda p: p.aligned >= 3, "three such edges or more"),
    Measure(
        "table",
        "cells",
        2,
        lambda p: (p.cells >= 3) & (p.as_neighbour(p.cells) == 2) & (p.digits >= 0.15 * p.visible),
        "as many cells between spaces as in the lines above and below, three or more, and a seventh are digits",
    ),
    Measure(
        "list",
        "short line",
        1,
        lambda p: (
            (p.words >= 1)
            & (p.words <= 6)
            & (p.visible <= 45)
            & (p.letters >= 0.85 * p.visible)
            & (p.english <= 0.25 * p.words)
        ),
        "one to six words, hardly a function word among them",
    ),
    Measure(
        "numbers",
        "digits",
        2,
        lambda p: (p.digits >= 0.45 * p.visible) & (p.letters <= 0.15 * p.visible),
        "nearly half of the characters are digits, and few are letters",
    ),
    Measure(
        "other",
        "unbroken",
        3.5,
        lambda p: (
            (p.visible >= 30)
            & (p.visible >= 40 * p.runs)
            & (p.foreign == 0)
            & (p.letters + p.digits >= 0.93 * p.visible)
            & (p.digits >= 0.05 * p.visible)
        ),
        "letters and digits with a space in forty characters at most, as in base64 and hexadecimal",
    ),
    Measure("other", "anything", 0.6, lambda p: np.ones(len(p.start), dtype=bool), "what no rule speaks about"),
)
