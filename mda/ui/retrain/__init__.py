"""The page of retrains."""
