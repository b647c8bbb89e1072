"""The training rows that pushed a head most, for and against."""

from __future__ import annotations

from mda.ui.frame.page import run_page
from mda.ui.influence.page import influence_page

run_page("Influence", influence_page)
