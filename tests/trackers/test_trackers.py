"""What trackers were given, read back through their own libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from harness.base.errors import UserError
from harness.report.build import build
from harness.tables.tables import Tables
from harness.trackers import Tracker, track, tracker
from tests.helpers.made_tables import made_tables


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    """Tables of three runs, with a report in ``tmp_path``."""
    made = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,), seeds=(0, 1, 2))
    build(tmp_path, made)
    return made


def log(name: str, directory: Path, tables: Tables) -> str:
    chosen = tracker(name)
    assert chosen is not None
    return chosen.log(directory, tables)


def test_tensorboard_reads_curves_settings_and_the_report(tmp_path: Path, tables: Tables) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    for _ in range(2):  # logging again changes nothing
        assert log("tensorboard", tmp_path, tables) == f"tensorboard --logdir {tmp_path / 'tensorboard'}"
    first = tables.runs.iloc[0]
    folders = {path.name for path in (tmp_path / "tensorboard").iterdir()}
    assert folders == {"report", *(f"rnn-10-0.9-{seed}-{run}" for seed, run in enumerate(tables.runs.run_id))}
    read = EventAccumulator(str(tmp_path / "tensorboard" / f"rnn-10-0.9-0-{first.run_id}")).Reload()
    own = tables.curves[tables.curves.run_id == first.run_id]
    for key in ("accuracy", "loss"):
        assert [event.step for event in read.Scalars(key)] == own.step.tolist()
        assert [event.value for event in read.Scalars(key)] == pytest.approx(own[key].tolist())
    assert read.Scalars("outcome/accuracy")[0].value == pytest.approx(first.accuracy)
    content = read.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert settings["cell"].string_value == "rnn"
    assert settings["weight_scale"].number_value == 0.9
    assert settings["train.optimizer"].string_value == "adam"
    shown = EventAccumulator(str(tmp_path / "tensorboard" / "report")).Reload()
    assert "rnn solves the task" in shown.Tensors("report/text_summary")[0].tensor_proto.string_val[0].decode()
    assert set(shown.Tags()["images"]) == {path.stem for path in (tmp_path / "figures").glob("*.png")}


def test_mlflow_reads_curves_settings_and_the_report(
    tmp_path: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for _ in range(2):  # logging again changes nothing
        assert log("mlflow", tmp_path, tables) == f"mlflow ui --backend-store-uri sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(f"{tmp_path.parent.name}/{tmp_path.name}")
    found = {run.data.tags.get("run_id"): run for run in client.search_runs([experiment.experiment_id])}
    assert len(client.search_runs([experiment.experiment_id])) == len(tables.runs) + 1
    first = tables.runs.iloc[0]
    run = found[first.run_id]
    assert run.info.status == "FINISHED"
    assert run.data.params["cell"] == "rnn"
    assert float(run.data.params["weight_scale"]) == 0.9
    assert run.data.metrics["accuracy"] == first.accuracy
    assert run.data.tags["status"] == "ok"
    own = tables.curves[tables.curves.run_id == first.run_id]
    points = [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "curve/accuracy")]
    assert sorted(points) == list(own[["step", "accuracy"]].itertuples(index=False, name=None))
    files = {each.path for each in client.list_artifacts(found[None].info.run_id)}
    assert files == {"report.html", "report.md", "figures"}


def test_a_failed_run_is_logged_as_failed_and_again_when_it_is_done(
    tmp_path: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    failed = tables.runs.status.mask(tables.runs.seed == 1, "failed")
    statuses = []
    for runs in (tables.runs.assign(status=failed), tables.runs):
        log("mlflow", tmp_path, Tables({**tables, "runs": runs}))
        client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
        experiment = client.get_experiment_by_name(f"{tmp_path.parent.name}/{tmp_path.name}")
        logged = [run for run in client.search_runs([experiment.experiment_id]) if "run_id" in run.data.tags]
        statuses.append(sorted(run.info.status for run in logged))
    assert statuses == [["FAILED", "FINISHED", "FINISHED"], ["FINISHED"] * 3]


@pytest.fixture
def odd(tmp_path: Path) -> Tables:
    """Tables of two runs: options that are null or not, infinite outcomes."""
    made = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,), seeds=(0, 1))
    runs = made.runs.assign(
        **{
            "train.clip_norm": [float("nan"), 1.0], "experiment.sizes": [None, "[1, 2]"],
            "experiment.most": pd.array([None, 3], dtype="Int64"), "horizon": [float("inf"), 4.0],
            "decay_rate": [-float("inf"), -0.1],
        }
    )  # fmt: skip
    found = Tables({**made, "runs": runs})
    build(tmp_path, found)
    return found


def test_null_lists_and_infinity_can_be_told_from_numbers_in_tensorboard(tmp_path: Path, odd: Tables) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    log("tensorboard", tmp_path, odd)
    found = []
    for folder in sorted((tmp_path / "tensorboard").glob("rnn-*")):
        read = EventAccumulator(str(folder)).Reload()
        content = read.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
        settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
        keys = ("train.clip_norm", "experiment.sizes", "experiment.most")
        given = [settings[key].string_value or settings[key].number_value for key in keys]
        found.append((given, read.Scalars("outcome/horizon")[0].value, read.Scalars("outcome/decay_rate")[0].value))
    assert found == [
        (["null", "null", "null"], float("inf"), -float("inf")),
        ([1.0, "[1, 2]", 3.0], 4.0, pytest.approx(-0.1)),
    ]


def test_null_lists_and_infinity_can_be_told_from_numbers_in_mlflow(
    tmp_path: Path, odd: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    log("mlflow", tmp_path, odd)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(f"{tmp_path.parent.name}/{tmp_path.name}")
    logged = {run.data.tags.get("run_id"): run.data for run in client.search_runs([experiment.experiment_id])}
    first, second = (logged[run_id] for run_id in odd.runs.run_id)
    keys = ("train.clip_norm", "experiment.sizes", "experiment.most")
    assert [first.params[key] for key in keys] == ["null"] * 3
    assert [second.params[key] for key in keys] == ["1.0", "[1, 2]", "3"]
    assert (first.tags["horizon"], first.tags["decay_rate"]) == ("inf", "-inf")
    assert "horizon" not in first.metrics
    assert (second.metrics["horizon"], second.metrics["decay_rate"]) == (4.0, -0.1)
    assert "horizon" not in second.tags


def test_none_logs_nothing_and_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    assert tracker("none") is None
    track(None, tmp_path, made_tables())
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"tracker=mlfow: unknown .*'mlflow'.*; valid: mlflow, none, tensorboard"):
        tracker("mlfow")


@pytest.mark.parametrize(("name", "library"), [("tensorboard", "torch.utils.tensorboard"), ("mlflow", "mlflow")])
def test_a_missing_library_names_the_extra(name: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"harness.trackers.{name}", raising=False)
    with pytest.raises(UserError) as error:
        tracker(name)
    assert f"pip install 'rnn-gradient-harness[{name}]'" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_tracker_that_fails_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(Tracker):
        name = "broken"

        def log(self, directory: Path, tables: Tables) -> str:
            raise OSError("no space left\non device")

    track(Broken(), tmp_path, made_tables())
    said = capsys.readouterr().err
    assert said.startswith("tracker=broken: not logged (OSError: no space left (test_trackers.py, line ")
    assert said.endswith("; the results are complete\n")
    assert len(said.splitlines()) == 1


def test_mlflow_sends_nothing_home_and_leaves_the_environment_alone() -> None:
    pytest.importorskip("mlflow")
    code = (
        "import os; before = dict(os.environ); import harness.trackers.mlflow; "
        "from mlflow.telemetry import get_telemetry_client; "
        "print(dict(os.environ) == before, get_telemetry_client())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["True", "None"]
