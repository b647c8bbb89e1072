"""`mda app`: start the explorer."""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated

import typer

from mda.errors import UserError
from mda.store.paths import CHECKOUT

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


def app(
    port: Annotated[int, typer.Option(help="Port to listen at.", min=1, max=65535)] = 8501,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Everything can be looked at, nothing started or written.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="With --read-only: a name under which other machines may open it. Repeatable."),
    ] = None,
) -> None:
    """Start the explorer, for this machine alone unless --allow-host opens a read-only one to others."""
    hosts = allow_host or []
    if hosts and not read_only:
        raise UserError("--allow-host would let others start work on this machine; add --read-only.")
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise UserError(f"'{host[:80]}' is not the name of a host; write mda.example.org, without a port.")
    script = CHECKOUT / "app.py"
    if not script.is_file():
        raise UserError("The explorer's pages are not installed with the package; run this from a checkout.")
    os.chdir(CHECKOUT)  # where .streamlit/config.toml lies
    if read_only:
        os.environ["MDA_READ_ONLY"] = "1"
    command = [sys.executable, "-m", "mda.ui.serve", str(script), "--server.port", str(port)]
    os.execv(sys.executable, [*command, *_listening(hosts)])


def _listening(hosts: list[str]) -> list[str]:
    """Streamlit's settings of who may connect."""
    if not hosts:
        return ["--server.address", "localhost"]
    # without an address of its own to tell, Streamlit asks another host what it is
    public = ["--server.address", "0.0.0.0", "--browser.serverAddress", hosts[0]]
    for host in (*hosts, "localhost", "127.0.0.1"):
        public += ["--server.allowedHosts", host]
    # tracebacks name folders of this machine; a checkout that changes must not change what others look at
    return [*public, "--client.showErrorDetails", "none", "--server.fileWatcherType", "none"]


COMMANDS = (app,)
