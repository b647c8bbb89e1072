"""Runs a command as a job in this process, with a bar on stderr and its result on stdout."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn

from mda.jobs.execute import execute
from mda.jobs.files import new_job
from mda.progress import Cancelled, time_left
from mda.progress import Progress as Work
from mda.store.atomic import to_bytes

console = Console(stderr=True)


def print_json(value: Any) -> None:
    """One JSON object on stdout, on one line."""
    print(json.dumps(json.loads(to_bytes(value))))


def run(command: str, request: BaseModel, study: str) -> dict[str, Any]:
    """Run a command here, as a job that `mda jobs` and the pages can see. Raises what the command raises."""
    from mda.workflows.registry import HANDLERS  # takes seconds, and commands that only look need none of it

    job = new_job(command, request.model_dump(mode="json"), study)
    with _bar() as listener:
        try:
            return execute(job, HANDLERS, listener)
        except KeyboardInterrupt as stop:  # typer would end the program without a word
            raise Cancelled from stop


@contextmanager
def _bar() -> Iterator[Any]:
    """A progress bar with the time left; plain lines every ten seconds where stderr is no terminal."""
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
    ]
    columns += [TimeElapsedColumn(), TextColumn("{task.fields[left]}")]
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=1.0, left="")
        said = time.monotonic()

        def listen(work: Work) -> None:
            nonlocal said
            left = time_left(work.seconds_left)
            bar.update(task, description=work.name or "starting", completed=work.fraction, left=left)
            if not console.is_terminal and time.monotonic() - said > 10:
                said = time.monotonic()
                print(f"{work.name} {100 * work.fraction:.0f} % {left}", file=sys.stderr, flush=True)

        yield listen
        bar.update(task, completed=1.0, left="")
