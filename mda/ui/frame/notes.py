"""What pages say in place of a result: an error, that nothing may be written, that a result is outdated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from mda.errors import UserError
from mda.store.paths import read_only
from mda.studies.order import order_warning
from mda.studies.study import Study
from mda.ui.frame.public import public
from mda.ui.words.plain import plain

READ_ONLY_NOTE = "This explorer is read-only: it shows what was computed and starts nothing."


@contextmanager
def told() -> Iterator[None]:
    """Show a UserError as its sentence."""
    try:
        yield
    except UserError as error:
        st.error(plain(public(str(error))))


def may_write() -> bool:
    """Whether work can be started here; where not, say so in place of the form that would."""
    if read_only():
        st.info(READ_ONLY_NOTE)
        return False
    return True


def order_note(study: Study) -> None:
    """Warn where a check of the order says that the model was trained on other rows than the study's."""
    if study.facts.preshuffled is not None and (told := order_warning(study)) is not None:
        st.warning(plain(told))


def stale_note(made_for: object, study: Study, what: str) -> None:
    """Warn where a result belongs to an earlier study of the same name."""
    if made_for != study.manifest.identity:
        st.warning(
            f"{what} was made for an earlier study named '{plain(study.name)}', so its rows may not be these. "
            "Make it again."
        )
