"""``resume=DIR``: the words of the command that began a sweep, for going on with it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from harness.base.errors import UserError

RESUME = "resume="
NEW = r"(hydra/launcher|hydra\.launcher\.\w+|sweep\.\w+|checkpoint\.\w+|tracker)="
"""What may be said anew when a sweep goes on: how it is conducted, and nothing of its runs."""


def resumed(words: Sequence[str]) -> list[str]:
    """A command line with ``resume=DIR`` in Hydra's words: the old command, and what is said anew; others as they are.

    Raises:
        UserError: there is no sweep in the directory to go on with, or the words would make another one of it.
    """
    given = [word for word in words if word.startswith(RESUME)]
    if not given:
        return [*words]
    directory = Path(given[-1].removeprefix(RESUME).strip("'\""))
    new = [word for word in words if word not in (*given, "-m", "--multirun")]
    for word in new:
        if not re.match(NEW, word):
            raise UserError(
                f"{word}: a sweep goes on with the runs that it began with; valid besides {given[-1]}: hydra/launcher, "
                f"sweep.*, checkpoint.*, tracker; for further runs say a whole command with hydra.sweep.dir={directory}"
            )
    try:
        old = json.loads((directory / "provenance.json").read_text("utf-8"))["arguments"]
    except (OSError, ValueError, KeyError):
        raise UserError(f"{given[-1]}: no sweep to go on with here; valid: a results directory of a sweep") from None
    replaced = (
        "hydra.sweep.dir=",
        "hydra.run.dir=",
        "-m",
        "--multirun",
        *(word.partition("=")[0] + "=" for word in new),
    )
    kept = [word for word in old if not word.startswith(replaced)]
    return ["--multirun", *kept, *new, f"hydra.sweep.dir={quoted(str(directory))}"]


def quoted(text: str) -> str:
    """A text as a value of Hydra's grammar, in which commas and brackets mean something else."""
    return text if re.fullmatch(r"[\w./-]+", text) else "'" + text.replace("'", "\\'") + "'"
