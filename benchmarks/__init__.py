"""Benchmarks: each prints a table, with both sides of a comparison measured in one run on one machine."""
