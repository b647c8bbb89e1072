"""The first page: which studies there are, and the chosen one's story; builds the demo where there is none."""

from __future__ import annotations

from mda.ui.frame.page import run_page
from mda.ui.home.page import building, home

run_page("Story", home, building)
