"""Where results come from: the command, the versions, the plugin files and the machine that made them."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import socket
import uuid
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from harness.base.files import write_text
from harness.base.hashes import short_hash
from harness.base.language import SOURCE, languages
from harness.base.version import __version__
from harness.plugins.registry import registry

FILE = "provenance.json"

HOW = r"\+{0,2}(hydra/launcher|hydra\.launcher(\.\w+)+|sweep\.\w+|checkpoint\.\w+|keep\.\w+|report\.\w+|tracker)="
"""Words that say how a sweep is conducted, and nothing of its runs."""

VERSIONS_OF = ["torch", "numpy", "pandas", "hydra-core", "seaborn", "matplotlib", "pyarrow"]


def resuming(directory: Path) -> str:
    """The command that goes on with a sweep."""
    return shlex.join(["python", "-m", "harness", f"resume={directory}"])


def now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def note_provenance(directory: Path, config: DictConfig, arguments: list[str], resumes: bool) -> None:
    """Write down what the sweep is, with its configuration; a later sitting adds when it began, and what it adds.

    Args:
        resumes: whether the arguments are those of an earlier sitting, said anew.
    """
    known = read_provenance(directory)
    if known:
        known["resumed"] = [*known.get("resumed", []), now()]
    else:
        write_text(directory / "multirun.yaml", OmegaConf.to_yaml(config))
        known = provenance(config.hydra.runtime.choices.get("study"), arguments)
    known["commands"] = commands_of(known) if resumes else with_command(commands_of(known), arguments)
    known["plugins"] = plugins_of(known) | registry().code()
    known["language"] = str(config.report.language)
    write_text(directory / FILE, json.dumps(known, indent=2))


def read_provenance(directory: Path) -> dict[str, Any]:
    """What a sweep has noted of itself in ``provenance.json``; empty where there is none that can be read."""
    try:
        found = json.loads((directory / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def sweep_id(directory: Path) -> str:
    """What tells a sweep from all others, wherever its directory lies; of results without a provenance, their place."""
    return str(read_provenance(directory).get("id") or short_hash(f"{socket.gethostname()}:{directory.resolve()}"))


def commands_of(known: dict[str, Any]) -> list[list[str]]:
    """The arguments of all commands that have asked for runs of a sweep, in their order; checked, as all from a file.

    >>> commands_of({"commands": [["-m", "seed=0"], ["-m", "seed=0,1"]]})
    [['-m', 'seed=0'], ['-m', 'seed=0,1']]
    """
    found = known.get("commands") or [known.get("arguments")]
    valid = isinstance(found, list) and all(
        isinstance(words, list) and all(isinstance(word, str) for word in words) for words in found
    )
    return found if valid else []


def with_command(commands: Sequence[list[str]], arguments: list[str]) -> list[list[str]]:
    """The commands of a sweep with one more, in the place of the one that has asked for the same.

    >>> with_command([["-m", "seed=0", "hydra/launcher=slurm"], ["-m", "seed=1"]], ["-m", "seed=0"])
    [['-m', 'seed=0'], ['-m', 'seed=1']]
    """
    asked = [asking(each) for each in commands]
    if asking(arguments) not in asked:
        return [*commands, arguments]
    return [arguments if each == asking(arguments) else words for words, each in zip(commands, asked, strict=True)]


def plugins_of(known: dict[str, Any]) -> dict[str, str]:
    """The plugin files and classes of one's own that a sweep was made with, and a hash of the code of each."""
    found = known.get("plugins", known.get("plugin_files"))  # the second in results of earlier versions
    if isinstance(found, list):  # without hashes
        return {str(path): "" for path in found}
    return {str(path): str(value) for path, value in found.items()} if isinstance(found, dict) else {}


def language_of(known: dict[str, Any]) -> str:
    """The language in which a sweep is reported; English where it names none, or one that there is no catalogue of."""
    found = known.get("language")
    return found if found in languages() else SOURCE


def asking(arguments: Sequence[str]) -> list[str]:
    """The words of a command that say which runs are asked for, without those that say where and how."""
    return [word for word in arguments if not re.match(rf"{HOW}|hydra\.(sweep|run)\.dir=", word)]


def provenance(study: str | None, arguments: list[str]) -> dict[str, object]:
    """What reproduces a sweep: the command, the versions, and what machine it ran on."""
    return {
        "id": uuid.uuid4().hex[:12],
        "command": shlex.join(["python", "-m", "harness", *arguments]),
        "arguments": arguments,
        "started": now(),
        "study": study,
        "versions": {
            "harness": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS_OF},
        },
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
    }
