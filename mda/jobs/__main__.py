"""`python -m mda.jobs ID`: the process of one background job. Exit codes: 0 done, 2 user error, 1 other."""

from __future__ import annotations

import sys
from typing import Any

from mda.errors import UserError
from mda.jobs.execute import execute, find_handler
from mda.jobs.files import find_job
from mda.progress import Progress


def main(arguments: list[str]) -> int:
    """Run the job with the id given as the one argument."""
    if len(arguments) != 1:
        print("usage: python -m mda.jobs ID", file=sys.stderr)
        return 2
    try:
        job = find_job(arguments[0])
    except UserError as error:
        print(error, file=sys.stderr)
        return 2

    def work(options: dict[str, Any], progress: Progress) -> dict[str, Any]:
        # imported once the job is marked as running: it takes seconds, and may itself fail
        from mda.workflows.registry import HANDLERS

        return find_handler(HANDLERS, job.spec.command)(options, progress)

    try:
        execute(job, {job.spec.command: work})
    except UserError:
        return 2
    except (Exception, KeyboardInterrupt):  # told in the job's status and log already
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
