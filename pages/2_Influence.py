"""The training rows that pushed a head most, for and against."""

from __future__ import annotations

from mda.ui.influence import influence_page
from mda.ui.page import run_page

run_page("Influence", influence_page)
