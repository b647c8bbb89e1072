"""A cache of its own for each test, and jobs that run the fake worker beside this file."""

import sys
from pathlib import Path

import pytest

import mda.jobs.launch


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("MDA_CACHE", str(folder))
    return folder


@pytest.fixture
def fake_worker(monkeypatch):
    worker = Path(__file__).with_name("fake_worker.py")
    monkeypatch.setattr(mda.jobs.launch, "RUNNER", [sys.executable, str(worker)])
