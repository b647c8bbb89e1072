"""The training rows that pushed a head most, for and against."""

from __future__ import annotations

from mda.ui.influence.page import influence_page
from mda.ui.shell.page import run_page

run_page("Influence", influence_page)
