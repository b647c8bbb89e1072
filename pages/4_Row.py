"""One training row: its text, its influence, its loss, and the rows like it."""

from __future__ import annotations

from mda.ui.row.page import row_page
from mda.ui.shell.page import run_page

run_page("Row", row_page)
