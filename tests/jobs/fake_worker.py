"""The process of a fake job: as `python -m mda.jobs ID`, with handlers made for the tests."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from mda.errors import UserError
from mda.jobs.execute import execute
from mda.jobs.files import find_job


def count(arguments, progress):
    """Count up in a file, a piece per number, from where the file stands."""
    path = Path(arguments["path"])
    done = int(path.read_text()) if path.exists() else 0
    progress.log(f"from {done}")
    progress.stage("count", total=arguments["to"], done=done)
    for number in range(done + 1, arguments["to"] + 1):
        time.sleep(arguments["seconds"])
        beside = path.with_suffix(".new")  # whole or not at all: this process may be killed at any point
        beside.write_text(str(number))
        beside.replace(path)
        progress.record(number=number)
        progress.advance()
    print("printed")
    return {"counted": arguments["to"], "from": done, "group": os.getpgid(0), "stdin": sys.stdin.read()}


def fail(arguments, progress):
    raise UserError("no such model; choose another")


def crash(arguments, progress):
    return {"never": 1 / 0}


def stubborn(arguments, progress):
    """Neither look at requests nor heed SIGTERM, with a child in a session of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    progress.record(child=child.pid)
    while True:
        time.sleep(60)


def slow_piece(arguments, progress):
    """A single long piece that SIGTERM can interrupt."""
    progress.stage("long", total=1)
    try:
        time.sleep(60)
    finally:
        progress.record(cleaned=1)
    return {}


if __name__ == "__main__":
    functions = (count, fail, crash, stubborn, slow_piece)
    handlers = {function.__name__.replace("_", "-"): function for function in functions}
    execute(find_job(sys.argv[1]), handlers)
