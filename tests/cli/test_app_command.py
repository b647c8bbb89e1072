"""`mda app`: what it starts, for whom, and what it refuses."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from mda.cli import explorer
from mda.store.paths import CHECKOUT


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that would have replaced this process."""
    found: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, command: found.append(command))
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    monkeypatch.delenv("MDA_READ_ONLY", raising=False)
    return found


def options(command: list[str], name: str) -> list[str]:
    return [value for option, value in pairwise(command) if option == name]


def test_for_this_machine_alone(started, mda):
    assert mda("app", "--port", 9000).code == 0
    (command,) = started
    assert command[:4] == [sys.executable, "-m", "mda.ui.serve", str(CHECKOUT / "app.py")]
    assert options(command, "--server.address") == ["localhost"]
    assert options(command, "--server.port") == ["9000"]
    assert "--server.allowedHosts" not in command
    assert "MDA_READ_ONLY" not in os.environ


def test_read_only_is_told_to_the_server(started, mda, monkeypatch):
    monkeypatch.setenv("MDA_READ_ONLY", "")
    assert mda("app", "--read-only").code == 0
    assert os.environ["MDA_READ_ONLY"] == "1"
    assert options(started[0], "--server.address") == ["localhost"]


def test_open_to_others_only_read_only_and_under_names(started, mda, monkeypatch):
    monkeypatch.setenv("MDA_READ_ONLY", "")
    assert "add --read-only" in mda("app", "--allow-host", "mda.example.org").refusal
    assert not started
    names = ("--allow-host", "mda.example.org", "--allow-host", "10.0.0.7")
    assert mda("app", "--read-only", *names).code == 0
    (command,) = started
    assert options(command, "--server.address") == ["0.0.0.0"]
    assert options(command, "--server.allowedHosts") == ["mda.example.org", "10.0.0.7", "localhost", "127.0.0.1"]
    assert options(command, "--browser.serverAddress") == ["mda.example.org"]
    assert options(command, "--client.showErrorDetails") == ["none"]


@pytest.mark.parametrize(
    "name", ["", "*", "*.example.org", "a b", "-x", "http://example.org", "a.org:80", "x" * 300]
)
def test_names_that_are_no_host(name, started, mda):
    assert "is not the name of a host" in mda("app", "--read-only", f"--allow-host={name}").refusal
    assert not started


def test_without_a_checkout(started, mda, monkeypatch, tmp_path: Path):
    monkeypatch.setattr(explorer, "CHECKOUT", tmp_path)
    assert "run this from a checkout" in mda("app").refusal


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_ports_that_are_none(port, started, mda):
    assert mda("app", "--port", port).code == 2
    assert not started
