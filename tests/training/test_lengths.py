"""Whole runs of tasks whose rows differ in length."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch

from harness.experiment import Batch, Classes, Experiment, VariedLengths
from harness.plugins.registry import registry
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.training.pack import run
from tests.conftest import Config
from tests.training.test_run import only, without_times


class Noise(VariedLengths):
    """Whether a row of random vectors began above zero, asked at its end; what follows it is anything."""

    name: ClassVar[str] = "noise"
    claim: ClassVar[str] = "The beginning is kept."
    n_windows: int = 1
    padding: ClassVar[float] = 0.0

    @property
    def input_size(self) -> int:
        return 2

    @property
    def outputs(self) -> Classes:
        return Classes(2)

    @property
    def windows(self) -> int:
        return self.n_windows

    def chance(self, seq_len: int) -> float:
        return 0.5

    def rows(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        inputs = rng.normal(size=(batch_size, seq_len, 2))
        return Batch(inputs, np.repeat(inputs[:, :1, 0] > 0, seq_len, axis=1).astype(np.int64))

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        batch = super().sample(rng, batch_size, seq_len)
        after = np.arange(1, seq_len + 1) > batch.ends[:, None]
        inputs = np.where(after[..., None], self.padding, batch.inputs)
        return Batch(inputs, batch.targets, batch.scored, lengths=batch.lengths)


def tables(config: Config, task: Experiment, **changes: Any) -> dict[str, pd.DataFrame]:
    made = [Settings(**{**dict(each), "experiment": task}) for each in members(config(**changes))]
    return without_times(run(made))


@pytest.mark.parametrize("windows", [1, 3])
def test_padding_changes_no_number_of_a_run(windows: int, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for fill in (0.0, 7.0, np.nan):
        monkeypatch.setattr(Noise, "padding", fill)
        found.append(tables(config, Noise(shortest=3, n_windows=windows), cell="gru", seed=[0, 1]))
    for name, frame in found[0].items():
        for other in found[1:]:
            pd.testing.assert_frame_equal(frame, other[name], check_exact=True)
    assert found[0]["curves"].loss.notna().all()


@pytest.mark.parametrize("name", ["recall_dish", "parity"])
def test_runs_together_are_runs_alone_to_the_bit(name: str, config: Config) -> None:
    task = registry().get("experiment", name)(shortest=5)
    small = {"engine": {"compile": True}, "seq_len": 14, "cell": "rnn", "probes": {"saturation": {}, "signal": {}}}
    together = tables(config, task, seed=[0, 1, 2], **small)
    own = tables(config, task, seed=1, **small)
    for table, frame in own.items():
        pd.testing.assert_frame_equal(frame, only(together, seed=1)[table], check_exact=True)


def test_answers_are_counted_at_each_samples_own_end(config: Config) -> None:
    found = tables(config, registry().get("experiment", "recall_dish")(shortest=6), seq_len=14, train={"steps": 0})
    transport = found["transport"].query("part == 'h'").set_index("lag").samples
    assert transport[:6].tolist() == [5] * 6  # 5 samples, and none is shorter than 6 steps
    assert transport.iloc[-1] < 5
    reached = found["gradients"].query("part == 'h'").set_index("t").samples
    assert (reached[:6] == 5).all()
    assert (reached.diff().dropna() <= 0).all()
    assert 6 < found["runs"].answer_step[0] < 14
    assert found["runs"].cue_step[0] == 3


def test_a_sentence_is_shown_up_to_its_end(config: Config) -> None:
    found = tables(config, registry().get("experiment", "recall_dish")(shortest=5), seq_len=20)["samples"]
    assert found.words.str.count("\n").nunique() > 1
    assert found.text.str.endswith("我做的是什么菜？").all()
    assert (found.glosses.str.split("\n").str[-1] == "which dish did I make?").all()


@pytest.mark.slow
def test_a_dish_is_recalled_after_sentences_of_any_length() -> None:
    made = members(
        {
            "experiment": {"name": "recall_dish", "shortest": 6, "n_dishes": 4}, "cell": {"name": "lstm"},
            "seq_len": 12, "hidden_size": 32, "seed": 5,
            "train": {"steps": 400, "batch_size": 32, "lr": 0.01}, "probe": {"every": 200, "batch_size": 32},
        }
    )  # fmt: skip
    with torch.no_grad():
        assert run(made)["runs"].accuracy[0] > 0.9
