"""Retrains with chosen rows removed or duplicated, beside their controls."""

from __future__ import annotations

from mda.ui.frame.page import run_page
from mda.ui.retrain.page import retrain_page

run_page("Retrain", retrain_page)
