"""One head's attention: where every token of a sequence looks, at any step."""

from __future__ import annotations

from mda.ui.attention.page import attention_page
from mda.ui.shell.page import run_page

run_page("Attention", attention_page)
