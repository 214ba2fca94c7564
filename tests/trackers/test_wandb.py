"""What wandb was given, read back from the files that it writes offline."""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from harness.sweeping.provenance import sweep_id
from harness.tables.tables import Tables
from tests.helpers.made_tables import made_tables
from tests.trackers.conftest import logged

pytest.importorskip("wandb")

BLOCK = 32 * 1024
"""Bytes of a block of LevelDB's log format, in which wandb writes."""

HEAD = 7
"""Bytes before each piece of a record: checksum, length, and whether it is a whole one; and at the start of a file."""


def records(path: Path) -> Iterator[Any]:
    """The records of an offline run: https://github.com/google/leveldb/blob/main/doc/log_format.md."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, whole = path.read_bytes(), HEAD, b""
    while place + HEAD <= len(data):
        if (left := BLOCK - place % BLOCK) < HEAD:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + HEAD])
        whole += data[place + HEAD : place + HEAD + length]
        place += HEAD + length
        if kind in (1, 4):  # all of it, or its last piece
            yield Record.FromString(whole)
            whole = b""


def values(items: Any) -> dict[str, Any]:
    """Pairs of a key and a value in JSON."""
    return {each.key or ".".join(each.nested_key): json.loads(each.value_json) for each in items}


def read(directory: Path, name: str) -> dict[str, Any]:
    """What the only offline run of this name holds."""
    (folder,) = (directory / "wandb").glob(f"offline-run-*-{sweep_id(directory)}_{name}")
    (path,) = folder.glob("*.wandb")
    found: dict[str, Any] = {"history": [], "summary": {}, "folder": folder}
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found["run"], found["config"] = record.run, values(record.run.config.update)
        elif kind == "history":
            found["history"].append(values(record.history.item))
        elif kind == "summary":
            found["summary"] |= values(record.summary.update)
        elif kind == "exit":
            found["exit"] = record.exit.exit_code
    return found


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A results directory with a report, ``dish/today``."""
    place = tmp_path / "dish" / "today"
    (place / "figures").mkdir(parents=True)
    (place / "report.html").write_text("<p>rnn solves the task")
    matplotlib.image.imsave(place / "figures" / "accuracy.png", np.zeros((2, 2, 3)))
    return place


@pytest.fixture(scope="module")
def tables() -> Tables:
    return made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,), seeds=(0, 1))


def test_wandbs_files_hold_curves_settings_outcomes_and_the_report(directory: Path, tables: Tables) -> None:
    before, hook = dict(os.environ), sys.excepthook
    for _ in range(2):  # logging again changes nothing
        assert logged("wandb", directory, tables) == f"wandb sync {directory / 'wandb'}/offline-run-*"
    assert (dict(os.environ), sys.excepthook) == (before, hook)
    assert len(list((directory / "wandb").iterdir())) == len(tables.runs) + 1
    first = tables.runs.iloc[0]
    found = read(directory, first.run_id)
    run = found["run"]
    assert (run.project, run.run_group) == ("dish", f"today {sweep_id(directory)}")
    assert run.display_name == f"rnn-10-0.9-0-{first.run_id}"
    assert (found["config"]["cell"], found["config"]["weight_scale"]) == ("rnn", 0.9)
    assert (found["summary"]["accuracy"], found["summary"]["status"]) == (first.accuracy, "ok")
    own = tables.curves[tables.curves.run_id == first.run_id]
    for key in ("accuracy", "loss"):
        assert [(row["_step"], row[key]) for row in found["history"]] == list(zip(own.step, own[key], strict=True))
    assert found["exit"] == 0
    media = read(directory, "report")["folder"] / "files" / "media"
    assert [path.read_text() for path in media.rglob("*.html")] == ["<p>rnn solves the task"]
    assert len(list(media.rglob("accuracy*.png"))) == 1


def test_a_run_that_failed_is_logged_as_such_and_replaced_when_it_is_done(directory: Path, tables: Tables) -> None:
    failed = tables.runs.assign(status=tables.runs.status.mask(tables.runs.seed == 1, "failed"))
    exits, folders = [], []
    for runs in (failed, tables.runs):
        logged("wandb", directory, Tables({**tables, "runs": runs}))
        found = [read(directory, run_id) for run_id in runs.run_id]
        exits.append([each["exit"] for each in found])
        folders.append([each["folder"].stat().st_ino for each in found])
    assert exits == [[0, 1], [0, 0]]
    assert folders[0][0] == folders[1][0]  # it was not written again
    logged("wandb", directory, Tables({**tables, "runs": tables.runs[:1]}))
    assert len(list((directory / "wandb").iterdir())) == 2  # what the sweep does not hold any more is gone


def test_null_lists_and_infinity_come_through(directory: Path, tables: Tables) -> None:
    odd = tables.runs.assign(**{"train.clip_norm": [None, 1.0], "horizon": [float("inf"), 4.0]})
    odd["experiment.sizes"] = [None, "[1, 2]"]
    logged("wandb", directory, Tables({**tables, "runs": odd}))
    first, second = (read(directory, run_id) for run_id in odd.run_id)
    keys = ("train.clip_norm", "experiment.sizes")
    assert [[each["config"][key] for key in keys] for each in (first, second)] == [["null", "null"], [1.0, "[1, 2]"]]
    assert [each["summary"]["horizon"] for each in (first, second)] == [float("inf"), 4.0]
