"""The sweeper: from the overrides of a command line to jobs of packed runs, and to a report at the end.

It does what Hydra's basic sweeper does, with these additions: settings that change no shape are packed into lists
(``weight_scale=0.9,1.0`` becomes one job with ``weight_scale=[0.9,1.0]``, see `harness.sweep.packing`), every run is
validated before anything is written, what is done already in the directory is not done again
(`harness.sweep.plan`), what fails is not the end of the rest (`harness.sweep.launching`), and the results are gathered
and reported. It works with every launcher.
"""

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
