"""Kinds of text: what a row of real data, which carries no label, is made of. See docs/kinds.md."""
