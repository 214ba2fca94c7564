"""Sweepers that know nothing of tables, such as Hydra's own: what is done around theirs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from harness.base.errors import UserError, reason
from harness.command_line.sweeper import settle_directory


class OtherSweepers(Callback):
    """Does for a sweep what a sweeper does not that knows nothing of tables, such as Hydra's own.

    It notes what was asked for at its beginning, so that the sweep can be gone on with; it warns and reports at its
    end.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Called by Hydra."""
        if _is_ours(config):
            return
        from harness.sweeping.provenance import note_provenance

        words = [word for word in config.hydra.overrides.hydra if not word.startswith("hydra.mode=")]
        words = ["--multirun", *words, *config.hydra.overrides.task]
        try:
            note_provenance(settle_directory(config), config, words, resumes=False)
        except (UserError, OSError) as error:
            print(f"harness: {reason(error)}", file=sys.stderr)
            raise SystemExit(1) from None  # Hydra makes a warning of anything else

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Called by Hydra."""
        from harness.tables.jobs import finished_jobs

        directory = Path(config.hydra.sweep.dir)
        if _is_ours(config) or not finished_jobs(directory):
            return
        from harness.command_line.reporting import report
        from harness.sweeping.progress import read_note
        from harness.sweeping.watch import new_warnings
        from harness.trackers.following import Following

        said = set[str]()
        for folder in sorted(directory.glob("jobs/*")):
            for line in new_warnings(read_note(folder), said):
                print(line, file=sys.stderr)
        with Following(config.tracker, directory) as following:
            if report(directory, following):
                raise SystemExit(1)


def _is_ours(config: DictConfig) -> bool:
    return str(config.hydra.sweeper._target_).startswith("hydra_plugins.harness.")
