"""``resume=DIR``: the words of the commands that have asked for a sweep's runs, for going on with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.base.errors import UserError
from harness.sweeping.provenance import HOW, commands_of, read_provenance

RESUME = "resume="

NO_TEXTS = ("null", "true", "false", "inf", "nan")
"""Words that mean a value."""

LAUNCHER = "hydra/launcher"


def resumed(words: Sequence[str]) -> list[list[str]]:
    """A command line with ``resume=DIR`` in Hydra's words: the old commands, and what is said anew; others as they are.

    Raises:
        UserError: there is no sweep in the directory to go on with, or the words would make another one of it.
    """
    given = [word for word in words if word.startswith(RESUME)]
    if not given:
        return [[*words]]
    directory = Path(given[-1].removeprefix(RESUME).strip("'\""))
    new = [word for word in words if word not in (*given, "-m", "--multirun")]
    for word in new:
        if not re.match(HOW, word):
            raise UserError(
                f"{word}: a sweep goes on with the runs that it began with; valid besides {given[-1]}: hydra/launcher, "
                "sweep.*, checkpoint.*, keep.*, report.*, tracker; for further runs say a whole command with "
                f"hydra.sweep.dir={directory}"
            )
    commands = commands_of(read_provenance(directory))
    if not commands:
        raise UserError(f"{given[-1]}: no sweep to go on with here; valid: a results directory of a sweep")
    where = f"hydra.sweep.dir={quoted(str(directory))}"
    return [["--multirun", *_kept(old, new), *new, where] for old in commands]


def _kept(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """The words of an earlier command that stand beside new ones.

    Of Hydra's own sweeper, which would do all again, ours takes the place. A launcher that is replaced takes its
    settings with it.
    """
    replaced = {_key(word) for word in new} | {"hydra.sweep.dir", "hydra.run.dir", "-m", "--multirun"}
    kept = [word for word in old if _key(word) not in replaced and word != "hydra/sweeper=basic"]
    launcher, before = ([word for word in words if _key(word) == LAUNCHER] for words in (new, old))
    if launcher and launcher[-1:] != before[-1:]:
        kept = [word for word in kept if not _key(word).startswith("hydra.launcher.")]
    return kept


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")


def quoted(text: str) -> str:
    """A text as a value of Hydra's grammar, in which commas and brackets mean something else, and 1 is a number."""
    if re.fullmatch(r"[A-Za-z_./][A-Za-z0-9_./-]*", text) and text.lower() not in NO_TEXTS:
        return text
    # Within quotes a backslash means something before a quote alone.
    return "'" + re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text) + "'"
