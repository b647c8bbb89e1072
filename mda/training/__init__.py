"""The training loop: one straight pass over rows in order, with a weight for every row."""
