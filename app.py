"""The first page: which studies there are, and the chosen one's story; builds the demo where there is none."""

from __future__ import annotations

from mda.ui.home.page import building, home
from mda.ui.shell.page import run_page

run_page("Story", home, building)
