"""What every page shares: the sidebar and its choices, jobs, cached reads, words."""
