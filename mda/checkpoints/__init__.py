"""Where a study's models come from: checkpoint folders, checked as they are loaded, and their optimizer states."""
