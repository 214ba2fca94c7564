"""Weights & Biases: runs in wandb's offline format under ``DIR/wandb``, which needs no account and no network.

``wandb sync`` takes them to a server, when and where its user wants. A sweep is a group in the project of its study or
experiment. Nothing is sent from here, and wandb's own traces (a service, its address in the environment, a log in the
home directory) are gone when the logging is over.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import wandb

from harness.sweeping.provenance import sweep_id
from harness.tables.columns import CURVES
from harness.tables.tables import Tables
from harness.trackers import Run, Tracker, logged_outcome, note_outcome, runs

QUIETLY = {
    "silent": True,
    "console": "off",
    "symlink": False,
    "disable_git": True,
    "disable_job_creation": True,
    "save_code": False,
    "x_save_requirements": False,  # of these and the next, half a second for each run
    "x_disable_meta": True,
    "x_disable_machine_info": True,
    "x_disable_stats": True,
}
"""Settings of wandb's: what is logged is what we give it, and nothing of this machine or of the user's code."""

REPORT = "report"


class WandB(Tracker):
    """Offline runs of wandb."""

    name = "wandb"

    def log_runs(self, directory: Path, tables: Tables) -> None:
        there = _there(directory)
        wanted = [run for run in runs(tables) if logged_outcome(there.get(run.run_id)) != run.outcome]
        if not wanted:
            return
        with _at_work():
            for run in wanted:
                self._log(directory, run, there.get(run.run_id))

    def _log(self, directory: Path, run: Run, before: Path | None) -> None:
        if before is not None:
            shutil.rmtree(before)
        own = _new(directory, run.run_id, run.label, run.settings)
        for row in run.curves.to_dict("records"):
            own.log({key: row[key] for key in CURVES}, step=int(row["step"]))
        own.summary.update(run.outcomes)
        own.finish(exit_code=int(run.outcomes.get("status") == "failed"))
        note_outcome(Path(own.dir).parent, run)

    def log_report(self, directory: Path, tables: Tables) -> None:
        ids = set(tables.runs.run_id)
        for name, folder in _there(directory).items():
            if name not in ids:  # an earlier report, too
                shutil.rmtree(folder)
        with _at_work():
            own = _new(directory, REPORT, REPORT, {})
            own.log({REPORT: wandb.Html((directory / "report.html").read_text("utf-8"), inject=False)})
            own.log({path.stem: wandb.Image(str(path)) for path in sorted((directory / "figures").glob("*.png"))})
            own.finish()

    def command(self, directory: Path) -> str:
        return f"wandb sync {shlex.quote(str(directory / 'wandb'))}/offline-run-*"


def _new(directory: Path, name: str, label: str, settings: dict[str, Any]) -> Any:
    """A run of wandb's, which carries the id of the sweep: one project takes the runs of many."""
    sweep = sweep_id(directory)
    place = directory.resolve()
    return wandb.init(
        mode="offline",
        dir=directory,
        project=re.sub(r"[/\\#?%:]", "-", place.parent.name)[:128] or "harness",
        group=f"{place.name} {sweep}"[:128],
        job_type=REPORT if name == REPORT else "run",
        id=f"{sweep}_{name}",
        name=label[:128],
        config=settings,
        reinit="create_new",
        settings=wandb.Settings(**QUIETLY),
    )


def _there(directory: Path) -> dict[str, Path]:
    """The folders of what this sweep has logged, by run_id: ``offline-run-<time>-<sweep>_<run_id>``."""
    folders = (directory / "wandb").glob(f"offline-run-*-{sweep_id(directory)}_*")
    return {folder.name.rpartition("_")[2]: folder for folder in sorted(folders)}


@contextmanager
def _at_work() -> Iterator[None]:
    """Let wandb's service run meanwhile, and leave nothing of it behind."""
    with tempfile.TemporaryDirectory() as elsewhere, patch.object(sys, "excepthook", sys.excepthook):
        places = {f"WANDB_{kind}_DIR": elsewhere for kind in ("CACHE", "CONFIG", "DATA")}
        with patch.dict(os.environ, {"WANDB_ERROR_REPORTING": "false", **places}):
            try:
                yield
            finally:
                wandb.teardown()


TRACKER = WandB()
