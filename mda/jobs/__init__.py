"""Background work: one detached process a job, known to everyone else only by the files in its folder."""
