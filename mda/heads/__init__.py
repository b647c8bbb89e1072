"""Attention heads: their names and weights, their attention patterns, and the scores of what they do."""
