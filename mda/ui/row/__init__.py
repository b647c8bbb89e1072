"""The page of one training row."""
