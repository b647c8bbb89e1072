"""`mda jobs list | show | cancel | resume`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mda.cli.work import Json
from mda.progress import time_left

app = typer.Typer(no_args_is_help=True, help="Background and past jobs.")
JobId = Annotated[str, typer.Argument(help="Id of a job; `mda jobs list` shows them.")]


def _summary(job: Any) -> dict[str, Any]:
    status = job.status
    return {
        "id": job.id,
        "command": job.spec.command,
        "study": job.spec.study,
        "state": status.state,
        "stage": status.stage,
        "fraction": status.fraction,
        "seconds_left": status.seconds_left,
        "message": status.message,
    }


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List jobs, newest first."""
    from mda.cli.run import print_json
    from mda.jobs.files import list_jobs

    found = [_summary(job) for job in list_jobs()]
    if as_json:
        print_json({"jobs": found})
        return
    for one in found:
        left = f"  {time_left(one['seconds_left'])}" if one["state"] == "running" else ""
        print(f"{one['id']}  {one['state']:<11}  {100 * one['fraction']:3.0f} %{left}  {one['message']}")
    if not found:
        print("No jobs yet.")


@app.command()
def show(job: JobId, as_json: Json = False) -> None:
    """Show one job: its request, state and the end of its log."""
    from mda.cli.run import print_json
    from mda.jobs.files import find_job

    found = find_job(job)
    told = {**_summary(found), "arguments": found.spec.arguments, "result": found.status.result}
    if as_json:
        print_json(told)
        return
    for key, value in told.items():
        print(f"{key}: {value}")
    print(found.log_tail(20))


@app.command()
def cancel(job: JobId, as_json: Json = False) -> None:
    """Stop a job; what it finished is kept."""
    from mda.cli.run import print_json
    from mda.jobs.files import find_job
    from mda.jobs.launch import cancel as stop

    state = stop(find_job(job))
    print_json({"id": job, "state": state}) if as_json else print(f"{job}: {state}")


@app.command()
def resume(job: JobId, as_json: Json = False) -> None:
    """Start a stopped or failed job again in the background; it goes on from what is stored."""
    from mda.cli.run import print_json
    from mda.jobs.files import find_job
    from mda.jobs.launch import resume as restart

    found = restart(find_job(job))
    print_json({"id": found.id, "state": found.state}) if as_json else print(f"{found.id}: {found.state}")
