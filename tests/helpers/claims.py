"""Whether runs bear out what an experiment claims."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from harness.plugins.registry import registry
from harness.run.pack import run
from harness.settings.members import members
from harness.tables.tables import Tables


def assert_borne_out(experiment: str, jobs: Iterable[dict[str, Any]]) -> None:
    """Train the runs of these job configurations, and let the experiment judge them."""
    runs = pd.concat([run(members(job))["runs"] for job in jobs])
    verdict = registry().get("experiment", experiment).bears_out(Tables({"runs": runs}))
    assert verdict is not None
    assert verdict.holds, verdict.numbers
