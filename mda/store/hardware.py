"""What an artefact was made with: code version, processor, accelerator, library versions."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from pathlib import Path

from mda import __version__
from mda.store.paths import CHECKOUT


@functools.cache
def code_version() -> str:
    """The package's version, followed in a checkout by the commit (and `-dirty` if it was changed)."""
    if not (CHECKOUT / ".git").exists():
        return __version__
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):  # no git, or no commit yet
        return __version__
    return f"{__version__}+{commit}"


def hardware() -> dict[str, str | int]:
    """Processor, cores, device, and the versions of Python and (where it was imported) torch."""
    facts: dict[str, str | int] = {
        "cpu": _processor(),
        "cores": os.cpu_count() or 1,
        "device": "cpu",
        "python": platform.python_version(),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        facts["torch"] = str(torch.__version__)
        if torch.cuda.is_initialized():  # asking an untouched GPU for its name would start it
            facts["device"] = str(torch.cuda.get_device_name())
    return facts


@functools.cache
def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()
