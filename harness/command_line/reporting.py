"""The end of a sweep: its results are gathered, reported, and given to a tracker."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from harness.base.errors import UserError
from harness.report.build import build
from harness.report.terminal import print_summary
from harness.sweeping.plan import read_plan
from harness.sweeping.watch import in_notebook
from harness.tables.gather import gather
from harness.trackers.following import Following


def report(directory: Path, following: Following) -> int:
    """Gather the results, build the report, print the findings and the report's path, and give all to a tracker.

    Returns:
        The number of failed runs, and of jobs whose tables are damaged.

    Raises:
        UserError: the report cannot be written, as on a full disk; says that the runs are safe, and how to go on.
    """
    try:
        tables = gather(directory, skip_damaged=True, planned=read_plan(directory))
        for problem in tables.left_out:
            print(f"left out: {problem}", file=sys.stderr)
        built = build(directory, tables)
    except OSError as error:
        raise UserError(
            f"{directory}: no report ({error.strerror}); the runs are safe in {directory / 'jobs'}; "
            f"once that is mended: python -m harness.report {shlex.quote(str(directory))}"
        ) from None
    if not in_notebook():  # where the results themselves show both
        print_summary(tables, built.findings, built.language)
    failed = tables.runs[tables.runs.status == "failed"]
    if len(failed):
        print(
            f"{len(failed)} of {len(tables.runs)} runs failed, the first with {failed.reason.iloc[0]}",
            file=sys.stderr,
        )
    print(built.path, flush=True)
    following.finish()  # last: what can be far away may take its time
    return len(failed) + len(tables.left_out)
