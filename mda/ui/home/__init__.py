"""The story of a study."""
