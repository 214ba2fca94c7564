"""``python -m harness.report DIR [DIR ...] [--language zh] [plugins=[FILE,…]] [tracker=NAME]``: reports anew.

``python -m harness.report DIR --compare DIR2``: the two side by side, in a page of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from harness.base.errors import UserError, reason
from harness.base.language import known, languages
from harness.base.paths import check_is_directory
from harness.plugins.registry import registry
from harness.report.build import build, unknown_plugins
from harness.report.comparing.page import write_comparison
from harness.report.parts import with_short_names
from harness.sweeping.plan import missing, read_plan
from harness.tables.gather import gather, load
from harness.tables.jobs import finished_jobs
from harness.trackers import Tracker, track, tracker

PLUGINS = "plugins="
TRACKER = "tracker="

RESULTS = "a results directory, with jobs/ or tables/ in it"

UNFIT = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError, pa.ArrowException)
"""What is raised over tables that have another form than those of a sweep."""

LONGEST_LINE = 1000
"""Characters that are said of what is left out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m harness.report``: rebuild reports; the last line printed is a report's path.

    A job with a damaged table is left out, with a line on stderr that names the file; the exit code is 0 all the
    same: there is a report, and it says what is missing. No code is run that a directory names: results may come from
    anybody. The files of ``plugins=[…]`` are the user's word.
    """
    parser = argparse.ArgumentParser(prog="python -m harness.report", description="Rebuild reports from their tables.")
    parser.add_argument(
        "directories",
        nargs="+",
        metavar="DIR",
        help="a results directory; plugins=[FILE,…] names plugin files to use, as no directory can; tracker=NAME logs "
        "the results there, too",
    )
    parser.add_argument(
        "--compare",
        metavar="DIR2",
        type=Path,
        help="what has changed from DIR, the sweep before a change, to DIR2, the one after it; a page in DIR",
    )
    parser.add_argument(
        "--language",
        metavar="NAME",
        help=f"language of the reports ({', '.join(languages())}) where it is not to be that of the sweep",
    )
    asked = parser.parse_args(arguments)
    words = asked.directories
    try:
        language = known(asked.language) if asked.language is not None else None
        files = [path for word in words if word.startswith(PLUGINS) for path in _listed(word)]
        directories = [Path(word) for word in words if not word.startswith((PLUGINS, TRACKER))]
        names = [word.removeprefix(TRACKER) for word in words if word.startswith(TRACKER)]
        chosen = tracker(names[-1]) if names and names[-1] != "none" else None
        registry().add_files(files)
        if not directories:
            raise UserError("DIR is missing; valid: results directories, and plugins=[FILE,…] besides")
        if asked.compare is not None:
            side_by_side(directories, asked.compare, language)
        else:
            for directory in directories:
                rebuild(directory, chosen, language)
    except UserError as error:
        print(f"harness.report: {error}", file=sys.stderr)
        return 1
    return 0


def rebuild(directory: Path, chosen: Tracker | None = None, language: str | None = None) -> None:
    """Build the report of one directory anew, print its path, and give the results to a tracker.

    Raises:
        UserError: there are no results in it.
    """
    check_is_directory(directory, RESULTS)
    there = bool(finished_jobs(directory))
    try:
        tables = gather(directory, skip_damaged=True, planned=read_plan(directory)) if there else load(directory)
        for line in [*tables.left_out, *unknown_plugins(directory, tables)]:
            print(f"left out: {_harmless(line)}", file=sys.stderr)
        path = build(directory, tables, language).path
    except UNFIT as error:
        raise UserError(f"{directory}: its tables are not those of a sweep ({reason(error)})") from error
    except OSError as error:
        raise UserError(f"{directory}: no report ({error.strerror}); the tables are as they were") from error
    if (left := missing(directory)) and left.runs:
        print(left)
    print(path, flush=True)
    if chosen is not None:
        print(track(chosen, directory, tables), file=sys.stderr)


def side_by_side(directories: Sequence[Path], after: Path, language: str | None = None) -> None:
    """Write the page that compares two sweeps, and print its path.

    Into the second nothing is written but its merged tables.

    Raises:
        UserError: these are not two, one of them has no results, or they share no condition.
    """
    if len(directories) != 1:
        said = ", ".join(map(str, directories))
        raise UserError(f"--compare {after}: {len(directories)} directories besides ({said}); valid: one")
    (before,) = directories
    runs = _runs(before), _runs(after)
    try:
        path = write_comparison(before, after, runs, language)
    except UNFIT as error:
        raise UserError(f"{before}, {after}: their tables are not those of sweeps ({reason(error)})") from error
    except OSError as error:
        raise UserError(f"{before}: no page of the comparison ({error.strerror})") from error
    print(path, flush=True)


def _runs(directory: Path) -> pd.DataFrame:
    """The table of runs of a sweep, with no long texts; what is wrong with it is said here, where it is known whose."""
    check_is_directory(directory, RESULTS)
    try:
        return with_short_names(load(directory)).runs
    except UNFIT as error:
        raise UserError(f"{directory}: its tables are not those of a sweep ({reason(error)})") from error
    except OSError as error:
        raise UserError(f"{directory}: no tables ({error.strerror})") from error


def _harmless(line: str) -> str:
    """A line for the terminal: names from elsewhere may be long, and hold what terminals obey."""
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} …"


def _listed(word: str) -> list[str]:
    """The paths in ``plugins=[FILE,…]``."""
    return [path.strip("'\" ") for path in word.removeprefix(PLUGINS).strip("[]").split(",") if path.strip("'\" ")]


if __name__ == "__main__":
    sys.exit(main())
