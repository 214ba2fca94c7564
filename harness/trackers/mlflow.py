"""MLflow: runs with parameters and metrics in ``DIR/mlflow.db``, or wherever ``MLFLOW_TRACKING_URI`` says.

A sweep is an experiment of MLflow, named after its directory and an id of its own: folders of equal names may lie on
many machines. Every run that is logged carries the id, and nothing without it is touched.

The local store is an SQLite file: MLflow has put its store of plain files into maintenance mode and refuses to open it
unless told otherwise.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

# MLflow decides at its import whether to send home what it is used for: it does not, from other people's machines.
with patch.dict(os.environ, {"MLFLOW_DISABLE_TELEMETRY": os.environ.get("MLFLOW_DISABLE_TELEMETRY", "true")}):
    import alembic  # noqa: F401 -- MLflow asks for these two only when it opens the store: they are missed here
    import sqlalchemy  # noqa: F401
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

from harness.sweeping.provenance import sweep_id
from harness.tables.columns import CURVES
from harness.tables.tables import Tables
from harness.trackers import Run, Tracker, runs

AT_ONCE = 1000
"""Most metrics that MLflow takes in one call."""

PARAMS_AT_ONCE = 100

MOST_OF_A_TAG = 5000
"""Characters that MLflow takes as the value of a tag."""

REPORT = "report"

SWEEP = "harness.sweep"
"""The tag with the id of the sweep that has logged a run."""

QUIETLY = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}

AT_FIRST = {**QUIETLY, "MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
"""A server that is not there is given up after seconds, and not after minutes, as by MLflow's defaults."""

AFTERWARDS = {**QUIETLY, "MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
"""A server that has answered once may be slow."""


class MLflow(Tracker):
    """Runs in an MLflow store."""

    name = "mlflow"

    def log(self, directory: Path, tables: Tables) -> str:
        """Log what the store does not hold yet; runs that have failed and the report are logged anew."""
        local = f"sqlite:///{directory.resolve() / 'mlflow.db'}"
        uri = os.environ.get("MLFLOW_TRACKING_URI") or local
        client = MlflowClient(tracking_uri=uri)
        sweep = sweep_id(directory)
        with patch.dict(os.environ, AT_FIRST | os.environ):
            experiment = _experiment(client, directory.resolve(), sweep, is_local=uri == local)
        with patch.dict(os.environ, AFTERWARDS | os.environ):
            self._log(client, experiment, directory, tables, sweep)
        return f"mlflow ui --backend-store-uri {uri}"

    def _log(self, client: MlflowClient, experiment: str, directory: Path, tables: Tables, sweep: str) -> None:
        there = _logged(client, experiment, sweep)
        for run in runs(tables):
            if run.run_id not in there:
                _log(client, experiment, run, sweep)
        report = client.create_run(experiment, run_name=REPORT, tags={SWEEP: sweep}).info.run_id
        for name in ("report.html", "report.md"):
            client.log_artifact(report, str(directory / name))
        client.log_artifacts(report, str(directory / "figures"), "figures")
        client.set_terminated(report)


def _experiment(client: MlflowClient, directory: Path, sweep: str, is_local: bool) -> str:
    """MLflow's experiment for a results directory."""
    name = f"{directory.parent.name}/{directory.name} {sweep}"
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(name, (directory / "mlflow").as_uri() if is_local else None))


def _logged(client: MlflowClient, experiment: str, sweep: str) -> set[str]:
    """The ids of the runs that need not be logged again; what this sweep has logged of the others is deleted."""
    there: set[str] = set()
    for run in _all(client, experiment):
        if run.data.tags.get(SWEEP) != sweep:
            continue  # somebody else's
        run_id = run.data.tags.get("run_id")
        if run_id is None or run.info.status != "FINISHED":
            client.delete_run(run.info.run_id)
        else:
            there.add(run_id)
    return there


def _all(client: MlflowClient, experiment: str) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment], max_results=AT_ONCE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _log(client: MlflowClient, experiment: str, run: Run, sweep: str) -> None:
    tags = {"run_id": run.run_id, SWEEP: sweep}
    own = client.create_run(experiment, run_name=run.label, tags=tags).info.run_id
    now = int(1000 * time.time())
    # MLflow's store would make the largest number of infinity.
    texts = {
        key: str(value) for key, value in run.outcomes.items() if isinstance(value, str) or not math.isfinite(value)
    }
    params = [Param(key, str(value)) for key, value in run.settings.items()]
    numbers = [Metric(key, float(value), now, 0) for key, value in run.outcomes.items() if key not in texts]
    for part in _parts(params, PARAMS_AT_ONCE):
        client.log_batch(own, params=part)
    client.log_batch(own, metrics=numbers, tags=[RunTag(key, value) for key, value in texts.items()])
    points = [
        Metric(f"curve/{key}", float(row[key]), now, int(row["step"]))
        for row in run.curves.to_dict("records")
        for key in CURVES
        if math.isfinite(row[key])
    ]
    lost = {key: run.curves[~np.isfinite(run.curves[key].astype(float))] for key in CURVES}
    for key, rows in lost.items():
        if len(rows):
            said = ", ".join(f"{row[key]} at step {row['step']}" for row in rows.to_dict("records"))
            client.set_tag(own, f"curve/{key}", said[:MOST_OF_A_TAG])
    for part in _parts(points, AT_ONCE):
        client.log_batch(own, metrics=part)
    client.set_terminated(own, "FAILED" if run.outcomes.get("status") == "failed" else "FINISHED")


def _parts(values: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


TRACKER = MLflow()
