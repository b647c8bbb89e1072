"""Retrains with chosen rows removed or duplicated, beside their controls."""

from __future__ import annotations

from mda.ui.retrain.page import retrain_page
from mda.ui.shell.page import run_page

run_page("Retrain", retrain_page)
