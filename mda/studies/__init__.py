"""A study: one model lineage and its training rows, opened from the store."""
