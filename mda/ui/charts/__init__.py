"""Figures as pure functions from tables, and the colours they share."""
