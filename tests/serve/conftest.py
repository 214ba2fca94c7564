from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from harness.serve.server import HOST, serving
from harness.sweeping.plan import FILE as PLAN
from harness.tables.storage import write_table, write_tables
from tests.helpers.made_tables import made_tables
from tests.report.conftest import browser, built  # noqa: F401 -- fixtures


@dataclass(frozen=True)
class Answer:
    status: int
    head: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


Ask = Callable[..., Answer]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The folder that is served; beside it lies what must not be seen."""
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


@pytest.fixture
def port(results: Path) -> Iterator[int]:
    """Where it is served."""
    with serving(results, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def ask(port: int) -> Ask:
    """Sends a request as it stands: no client tidies up its path, and names of hosts are the test's."""

    def send(path: str, method: str = "GET", hosts: tuple[str, ...] = (HOST,), body: bytes = b"") -> Answer:
        connection = http.client.HTTPConnection(HOST, port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for host in hosts:
            connection.putheader("Host", host)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        found = Answer(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()
        return found

    return send


def write_plan(directory: Path, jobs: Mapping[str, list[str]]) -> None:
    """A sweep that has just been planned: the runs of each job."""
    directory.mkdir(parents=True, exist_ok=True)
    rows = [(run_id, job) for job, runs in jobs.items() for run_id in runs]
    write_table(directory / PLAN, pd.DataFrame(rows, columns=["run_id", "job"], dtype="str"))
    known = {"study": "dish", "started": "2026-01-31T12:00:00+00:00", "command": "python -m harness -m +study=dish"}
    (directory / "provenance.json").write_text(json.dumps(known))


def write_job(directory: Path, job: str, runs: list[str], statuses: list[str]) -> None:
    """The tables of a job that is done."""
    table = made_tables(cells=("rnn",), lengths=(8,), scales=(1.0,), seeds=range(len(runs)), steps=(0,)).runs
    write_tables(directory / "jobs" / job / "tables", {"runs": table.assign(run_id=runs, status=statuses)})
