"""Mechanistic Data Attribution explorer: which training rows built a mechanism inside a language model.

Method: Chen, Luo, Pan, "Mechanistic Data Attribution" (arXiv 2601.21996).
"""

__version__ = "0.1.0"
