"""All heads: a score of each at a step, their history, and the model's losses."""

from __future__ import annotations

from mda.ui.heads.page import heads_page
from mda.ui.shell.page import run_page

run_page("Heads", heads_page)
