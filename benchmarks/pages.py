"""Server time of every page.   MDA_CACHE=… python -m benchmarks.pages [--runs 20] [--sessions 10]

Full script runs over the web socket of a real server, from the request to the script's end: the demo of the
cache, then an attribution of 1,000,000 rows (made beside it, once), then several sessions at once on both studies
while a job runs. Every page is run once before it is timed: these are cached views.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.million import NAME, ROW_COUNT, build
from benchmarks.session import Session, server
from mda.jobs.launch import cancel, launch
from mda.store.paths import cache_root
from mda.studies.study import Study

PAGES = ("", "Heads", "Attention", "Influence", "Row", "Retrain")


def timed(address: str, study: str, page: str, runs: int) -> np.ndarray:
    """Seconds of each of `runs` script runs after a first one."""
    with Session(address) as session:
        assert not session.run(page, study=study).failed, f"{page} of {study} shows an exception"
        return np.array([session.run(page, study=study).seconds for _ in range(runs)])


def many(address: str, sessions: int, runs: int) -> tuple[np.ndarray, int, int]:
    """Sessions at once, each on one study, through the pages: seconds of all runs, errors, mixed views."""
    seconds: list[float] = []
    errors: list[str] = []
    mixed: list[str] = []

    def visit(number: int) -> None:
        study = ("demo", NAME)[number % 2]
        heads = [str(head) for head in Study.open(study).sizes.all_heads()]
        head = heads[number % len(heads)]
        try:
            with Session(address) as session:
                session.run("", study=study, head=head)
                for turn in range(runs):
                    page = PAGES[(number + turn) % len(PAGES)]
                    run = session.run(page, study=study, head=head)
                    seconds.append(run.seconds)
                    if run.failed:
                        errors.append(page)
                    if page == "" and study not in run.text:
                        mixed.append(page)
                    time.sleep(0.5)  # somebody looks at it
        except Exception as error:
            errors.append(repr(error))

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors or mixed:
        print("errors:", errors[:5], "mixed:", mixed[:5])
    return np.array(seconds), len(errors), len(mixed)


def line(*cells: Any) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def told(seconds: Sequence[float] | np.ndarray) -> tuple[str, str]:
    """p50 and p95 in milliseconds."""
    return f"{1000 * np.quantile(seconds, 0.5):.0f}", f"{1000 * np.quantile(seconds, 0.95):.0f}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--sessions", type=int, default=10)
    options = parser.parse_args()
    build()
    for study, rows in (("demo", Study.open("demo").facts.rows), (NAME, ROW_COUNT)):
        with server(cache_root()) as (address, process):
            line(f"page, {study} of {rows:,} rows", "p50 ms", "p95 ms")
            line("---", "---", "---")
            for page in PAGES:
                line(page or "Story", *told(timed(address, study, page, options.runs)))
            print(f"resident memory of the server: {process.memory_info().rss / 2**30:.2f} GiB\n", flush=True)
    with server(cache_root()) as (address, process):
        with Session(address) as session:  # imports are over before the clock starts
            for study in ("demo", NAME):
                for page in PAGES:
                    session.run(page, study=study)
        job = launch(
            "attribute", {"study": "demo", "steps": [1000], "head": "L0H1", "seed": int(time.time())}, "demo"
        )
        seconds, errors, mixed = many(address, options.sessions, options.runs)
        state = job.state
        cancel(job)
        p50, p95 = told(seconds)
        print(
            f"{options.sessions} sessions, {len(seconds)} runs, a job {state}: p50 {p50} ms, p95 {p95} ms, "
            f"{errors} errors, {mixed} mixed views, {process.memory_info().rss / 2**30:.2f} GiB"
        )


if __name__ == "__main__":
    main()
