"""Where a study's rows come from: generated, read from files or data sets, or fetched in training order."""
