"""The page of influence."""
