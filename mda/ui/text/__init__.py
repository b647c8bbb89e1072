"""Training rows as safe, marked-up text."""
