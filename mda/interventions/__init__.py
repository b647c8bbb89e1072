"""Interventions: which rows of a training window are removed or duplicated, and the controls to compare with.

A window is a range of training rows in the order in which they are visited; everything here speaks of
positions in the window, 0 to n - 1.
"""

ACTIONS = ("remove", "duplicate")
"""What is done to the chosen rows."""

SELECTIONS = ("top", "bottom", "random", "matched-kind", "matched-repetition", "rows")
"""How rows are chosen: the two tails of a score, three controls of rising strength, or rows named singly."""
