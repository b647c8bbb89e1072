"""Artefacts on disk: where they lie, how they are named, written whole and read back. Knows no science."""
