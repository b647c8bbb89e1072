"""Retrains with chosen rows removed or duplicated, beside their controls."""

from __future__ import annotations

from mda.ui.page import run_page
from mda.ui.retrain import retrain_page

run_page("Retrain", retrain_page)
