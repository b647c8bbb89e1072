"""Pythia's training rows in their order: fetched from the hub row by row, and kept for all studies."""
