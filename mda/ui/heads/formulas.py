"""What each head score measures: its formula, and how to read it."""

from __future__ import annotations

from dataclasses import dataclass

SYMBOLS = (
    "The sequences are random tokens said twice, after a start token at position 0. $A_{t,s}$: attention from "
    "position $t$ to position $s$. $R$: positions whose token $x_t$ was said before. Means over sequences of "
    "several periods, so that counting back a fixed distance scores low."
)


@dataclass(frozen=True)
class Formula:
    """A score's formula in LaTeX, and a sentence on its ends."""

    latex: str
    reading: str


FORMULAS = {
    "prefix_matching": Formula(
        r"\frac{1}{|R|} \sum_{t \in R}\ \sum_{s < t,\ x_s = x_t} A_{t,\,s+1}",
        "1: all attention goes to what followed the same token last time. Heads that look nowhere in particular "
        "have a few hundredths.",
    ),
    "previous_token": Formula(
        r"\frac{1}{T} \sum_{t=1}^{T} A_{t,\,t-1}",
        "1: every position looks only at the one before it. Induction heads read what such heads write.",
    ),
    "duplicate_token": Formula(
        r"\frac{1}{|R|} \sum_{t \in R}\ \sum_{s < t,\ x_s = x_t} A_{t,\,s}",
        "1: all attention goes to where the same token was said before.",
    ),
    "first_token": Formula(
        r"\frac{1}{T} \sum_{t=1}^{T} A_{t,\,0}",
        "1: all attention rests on the start, which is where heads look that have nothing to do.",
    ),
    "copying": Formula(
        r"\frac{2}{P} \sum_{s=1}^{P} \frac{[\ell_s(x_s) - \bar\ell_s]_+}{\sum_{a} [\ell_s(a) - \bar\ell_s]_+} - 1,"
        r"\qquad \ell_s = v_s W_O W_U",
        "What the head writes when it attends to position $s$, as logits $\\ell_s$ of the sequence's $P$ tokens: "
        "the share of all that it raises which falls on the token itself. 1: raises only that token, -1: never.",
    ),
}
