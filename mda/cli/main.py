"""`mda`: the commands. Exit codes: 0 done, 2 bad input (one sentence on stderr), 1 anything else."""

from __future__ import annotations

import sys
import traceback

import typer

from mda.cli import explorer, export, jobs, results, studies, work
from mda.errors import UserError
from mda.progress import Cancelled

# typer may carry a click of its own, whose errors `import click` does not know; they share this ancestor
ClickError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Mechanistic Data Attribution: which training rows built a mechanism inside a language model.",
)
app.add_typer(studies.app, name="study")
app.add_typer(jobs.app, name="jobs")
for command in (*work.COMMANDS, *results.COMMANDS, *export.COMMANDS, *explorer.COMMANDS):
    app.command()(command)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code."""
    try:
        result = app(arguments, prog_name="mda", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except UserError as error:
        # one line, and nothing in it that a file's names could make a terminal do
        print(results.visible(str(error).replace("\n", " ")), file=sys.stderr)
        return 2
    except ClickError as error:
        error.show()  # type: ignore[attr-defined]
        return 2
    except (Cancelled, KeyboardInterrupt, typer.Abort):
        print("Stopped. What was finished is kept; `mda jobs resume` goes on from there.", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `mda top … | head`
        return 1
    except Exception:
        traceback.print_exc()
        return 1
