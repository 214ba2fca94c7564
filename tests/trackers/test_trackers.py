"""What trackers were given, read back through their own libraries."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from harness.base.errors import UserError
from harness.tables.tables import Tables
from harness.trackers import Tracker, check_tracker, track, tracker
from harness.trackers.following import Following
from tests.helpers.made_tables import made_tables
from tests.trackers.conftest import logged


def test_tensorboard_reads_curves_settings_and_the_report(tmp_path: Path, tables: Tables) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    colours = np.array([[[0.0, 0.2, 1.0], [0.4, 0.6, 0.8]]])
    matplotlib.image.imsave(tmp_path / "figures" / "colours.png", colours)
    for _ in range(2):  # logging again changes nothing
        assert logged("tensorboard", tmp_path, tables) == f"tensorboard --logdir {tmp_path / 'tensorboard'}"
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
    seen = matplotlib.image.imread(BytesIO(shown.Images("colours")[0].encoded_image_string))
    assert seen[..., :3] == pytest.approx(colours, abs=1 / 255)


def test_null_lists_and_infinity_can_be_told_from_numbers_in_tensorboard(tmp_path: Path, odd: Tables) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    logged("tensorboard", tmp_path, odd)
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


def test_none_logs_nothing_and_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with Following("none", tmp_path) as following:
        following.finish()
    assert not list(tmp_path.iterdir())
    for ask in (check_tracker, tracker):
        with pytest.raises(UserError, match=r"tracker=mlfow: unknown .*'mlflow'.*; valid: mlflow, none, tensorboard"):
            ask("mlfow")


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("tensorboard", "tensorboard"), ("tensorboard", "torch.utils.tensorboard"), ("mlflow", "mlflow"),
        ("mlflow", "alembic"), ("wandb", "wandb"),
    ],
)  # fmt: skip
def test_a_missing_library_names_the_extra(name: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"harness.trackers.{name}", raising=False)
    with pytest.raises(UserError) as error:
        tracker(name)
    assert f"pip install 'rnn-gradient-harness[{name}]'" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_tracker_that_fails_is_one_line(tmp_path: Path) -> None:
    class Broken(Tracker):
        name = "broken"

        def log_runs(self, directory: Path, tables: Tables) -> None:
            raise OSError("no space left\non device")

        def log_report(self, directory: Path, tables: Tables) -> None: ...

        def command(self, directory: Path) -> str:
            return "look"

    said = track(Broken(), tmp_path, made_tables())
    assert said.startswith("tracker=broken: not logged (OSError: no space left (test_trackers.py, line ")
    assert said.endswith(
        f"; the results are complete; to log them later:  python -m harness.report {tmp_path} tracker=broken"
    )
    assert len(said.splitlines()) == 1
