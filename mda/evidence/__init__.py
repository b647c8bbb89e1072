"""Evidence: what the arms of an experiment, a selection of rows and a head's history say, and how surely."""
