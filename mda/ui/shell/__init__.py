"""The page around every page: sidebar, body, and what can be taken along."""
