"""Where results come from: the command, the versions and the machine that made them."""

from __future__ import annotations

import os
import platform
import shlex
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import harness

VERSIONS_OF = ["torch", "numpy", "pandas", "hydra-core", "seaborn", "matplotlib", "pyarrow"]


def resuming(directory: Path) -> str:
    """The command that goes on with a sweep."""
    return shlex.join(["python", "-m", "harness", f"resume={directory}"])


def now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def provenance(study: str | None, arguments: list[str]) -> dict[str, object]:
    """What reproduces a sweep: the command, the versions, and what machine it ran on."""
    return {
        "command": shlex.join(["python", "-m", "harness", *arguments]),
        "arguments": arguments,
        "started": now(),
        "study": study,
        "versions": {
            "harness": harness.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS_OF},
        },
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
    }
