"""``python -m harness.report DIR [DIR ...]``: builds the reports of results directories anew, from their tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.base.errors import UserError
from harness.plugins.registry import registry
from harness.report.build import build
from harness.report.overview import read_provenance
from harness.sweep.plan import missing
from harness.tables.gather import gather, load


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m harness.report``: rebuild reports; the last line printed is a report's path.

    A job with a damaged table is left out, with a line on stderr that names the file; the exit code is 0 all the
    same: there is a report, and it says what is missing.
    """
    parser = argparse.ArgumentParser(prog="python -m harness.report", description="Rebuild reports from their tables.")
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="a results directory")
    try:
        for directory in parser.parse_args(arguments).directories:
            _add_plugin_files(directory)
            has_jobs = any(directory.glob("jobs/*/tables/runs.parquet"))
            tables = gather(directory, skip_damaged=True) if has_jobs else load(directory)
            for problem in tables.left_out:
                print(f"left out: {problem}", file=sys.stderr)
            path = build(directory, tables).path
            if (left := missing(directory)) and left.runs:
                print(left)
            print(path)
    except UserError as error:
        print(f"harness.report: {error}", file=sys.stderr)
        return 1
    return 0


def _add_plugin_files(directory: Path) -> None:
    """Add the plugin files that the results were made with; without one, there is a report all the same."""
    for path in read_provenance(directory).get("plugin_files", []):
        try:
            registry().add_files([path])
        except UserError:
            print(f"left out: the claims and figures of {path}: there is no such file now", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
