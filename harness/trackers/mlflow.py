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
from contextlib import contextmanager
from dataclasses import dataclass
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

ENDED = {"failed": "FAILED", "pruned": "KILLED"}
"""MLflow's words for how a run has ended; of all others, FINISHED."""

REPORT = "report"

SWEEP = "harness.sweep"
"""The tag with the id of the sweep that has logged a run."""

QUIETLY = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}

AT_FIRST = {**QUIETLY, "MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
"""A server that is not there is given up after seconds, and not after minutes, as by MLflow's defaults."""

AFTERWARDS = {**QUIETLY, "MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
"""A server that has answered once may be slow."""


OUTCOME = "harness.outcome"
"""The tag of a run that is logged to its end: which outcome it is."""


class MLflow(Tracker):
    """Runs in an MLflow store."""

    name = "mlflow"

    def log_runs(self, directory: Path, tables: Tables) -> None:
        with _store(directory) as store:
            there = {each.data.tags.get("run_id"): each for each in store.own()}
            for run in runs(tables):
                known = there.get(run.run_id)
                if known is not None and known.data.tags.get(OUTCOME) == run.outcome:
                    continue
                if known is not None:
                    store.client.delete_run(known.info.run_id)
                store.log(run)

    def log_report(self, directory: Path, tables: Tables) -> None:
        ids = set(tables.runs.run_id)
        with _store(directory) as store:
            for each in store.own():
                if each.data.tags.get("run_id") not in ids:  # an earlier report, too, which has none
                    store.client.delete_run(each.info.run_id)
            report = store.create(REPORT, {})
            for name in ("report.html", "report.md"):
                store.client.log_artifact(report, str(directory / name))
            store.client.log_artifacts(report, str(directory / "figures"), "figures")
            store.client.set_terminated(report)

    def command(self, directory: Path) -> str:
        return f"mlflow ui --backend-store-uri {_uri(directory)}"


def _local(directory: Path) -> str:
    return f"sqlite:///{directory.resolve() / 'mlflow.db'}"


def _uri(directory: Path) -> str:
    return os.environ.get("MLFLOW_TRACKING_URI") or _local(directory)


@contextmanager
def _store(directory: Path) -> Iterator[_Store]:
    """What an MLflow store holds of a sweep."""
    client, sweep = MlflowClient(tracking_uri=_uri(directory)), sweep_id(directory)
    with patch.dict(os.environ, AT_FIRST | os.environ):
        experiment = _experiment(client, directory.resolve(), sweep, is_local=_uri(directory) == _local(directory))
    with patch.dict(os.environ, AFTERWARDS | os.environ):
        yield _Store(client, experiment, sweep)


def _experiment(client: MlflowClient, directory: Path, sweep: str, is_local: bool) -> str:
    """MLflow's experiment for a results directory."""
    name = f"{directory.parent.name}/{directory.name} {sweep}"
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(name, (directory / "mlflow").as_uri() if is_local else None))


@dataclass(frozen=True)
class _Store:
    """What an MLflow store holds of a sweep: runs that carry its id. All others are somebody else's."""

    client: MlflowClient
    experiment: str
    sweep: str

    def own(self) -> list[Any]:
        """The runs that this sweep has logged."""
        found: list[Any] = []
        token = None
        while True:
            page = self.client.search_runs([self.experiment], max_results=AT_ONCE, page_token=token)
            found += [each for each in page if each.data.tags.get(SWEEP) == self.sweep]
            token = page.token
            if not token:
                return found

    def create(self, name: str, tags: dict[str, str]) -> str:
        """A run of MLflow's, and its id."""
        made = self.client.create_run(self.experiment, run_name=name, tags={SWEEP: self.sweep, **tags})
        return str(made.info.run_id)

    def log(self, run: Run) -> None:
        """One run with its settings, outcomes and curves; that it is whole is said last."""
        own = self.create(run.label, {"run_id": run.run_id})
        now = int(1000 * time.time())
        # MLflow's store would make the largest number of infinity.
        texts = {
            key: str(value) for key, value in run.outcomes.items() if isinstance(value, str) or not math.isfinite(value)
        }
        params = [Param(key, str(value)) for key, value in run.settings.items()]
        numbers = [Metric(key, float(value), now, 0) for key, value in run.outcomes.items() if key not in texts]
        for part in _parts(params, PARAMS_AT_ONCE):
            self.client.log_batch(own, params=part)
        self.client.log_batch(own, metrics=numbers, tags=[RunTag(key, value) for key, value in texts.items()])
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
                self.client.set_tag(own, f"curve/{key}", said[:MOST_OF_A_TAG])
        for part in _parts(points, AT_ONCE):
            self.client.log_batch(own, metrics=part)
        self.client.set_tag(own, OUTCOME, run.outcome)
        self.client.set_terminated(own, ENDED.get(str(run.outcomes.get("status")), "FINISHED"))


def _parts(values: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


TRACKER = MLflow()
