"""Where the rows of a study stand in its training, in words; and what is said where they stand nowhere."""

from __future__ import annotations

from mda.studies.study import Study

NO_ORDER = "The rows of this study have no training order: the model saw them in another one, or not at all."


def trained_at(study: Study, row: int) -> int | None:
    """The step at which a row is trained on; None for one that never is, or without a training order."""
    facts = study.facts
    return row // facts.batch_size if facts.in_order and row < facts.trained else None


def place_words(study: Study, row: int) -> str:
    """`Trained on at **step 12**, 5 of 32 in its batch`, for Markdown."""
    facts, step = study.facts, trained_at(study, row)
    if not facts.in_order:
        return "No training order: whether and when the model saw it is not known"
    if step is not None:
        size = facts.batch_size
        return f"Trained on at **step {step:,}**, {row % size + 1:,} of {size:,} in its batch"
    first, last = facts.held_out
    return "**Held out**: no checkpoint was trained on it" if first <= row < last else "Never trained on"


def short_place(study: Study, row: int) -> str:
    """`trained on at step 12`, `never trained on`, `of no known step`."""
    if not study.facts.in_order:
        return "of no known step"
    step = trained_at(study, row)
    return "never trained on" if step is None else f"trained on at step {step:,}"


def numbering(study: Study) -> str:
    """How rows are numbered, in a sentence."""
    order = "in the order of training" if study.facts.in_order else "in no training order"
    return f"Rows are numbered {order}, from 0 to {study.facts.rows - 1:,}."


def rows_line(study: Study) -> str:
    """`76,800 training rows of 128 tokens, 32 a step`, or how many rows there are without an order."""
    facts = study.facts
    if facts.in_order:
        return f"{facts.trained:,} training rows of {facts.seq_len:,} tokens, {facts.batch_size:,} a step"
    return f"{facts.rows:,} rows of {facts.seq_len:,} tokens, in no training order"


def kinds_note(study: Study) -> str | None:
    """That the kinds of text are told by rules, and how often these are right; None where rows are labelled."""
    if study.facts.kinds is not None or study.kinds is None:
        return None
    return (
        "Rows of this study carry no label: their kind is told from their text by rules, as the one with the "
        "largest share. On labelled text these were right for 93 % of passages as long as a row of 2,048 tokens, "
        "and for 91 % of short ones (docs/kinds.md)."
    )
