"""Where results come from: the command, the versions, the plugin files and the machine that made them."""

from __future__ import annotations

import json
import os
import platform
import shlex
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

import harness
from harness.base.files import write_text
from harness.plugins.registry import registry

FILE = "provenance.json"

VERSIONS_OF = ["torch", "numpy", "pandas", "hydra-core", "seaborn", "matplotlib", "pyarrow"]


def resuming(directory: Path) -> str:
    """The command that goes on with a sweep."""
    return shlex.join(["python", "-m", "harness", f"resume={directory}"])


def now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def note_provenance(directory: Path, config: DictConfig, arguments: list[str]) -> None:
    """Write down what the sweep is, once, with its configuration; every later sitting adds when it began."""
    path = directory / FILE
    try:
        known = json.loads(path.read_text("utf-8"))
        known["resumed"] = [*known.get("resumed", []), now()]
    except (OSError, ValueError):
        OmegaConf.save(config, directory / "multirun.yaml")
        known = provenance(config.hydra.runtime.choices.get("study"), arguments)
    write_text(path, json.dumps(known, indent=2))


def provenance(study: str | None, arguments: list[str]) -> dict[str, object]:
    """What reproduces a sweep: the command, the versions, and what machine it ran on."""
    return {
        "command": shlex.join(["python", "-m", "harness", *arguments]),
        "arguments": arguments,
        "started": now(),
        "study": study,
        "plugin_files": [str(path) for path in registry().files],
        "versions": {
            "harness": harness.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS_OF},
        },
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
    }
