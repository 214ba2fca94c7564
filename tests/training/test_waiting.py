"""On a GPU the host does not wait for a training step: counted on a device that stands in for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest

from harness.settings.members import members
from harness.settings.settings import Settings
from harness.tables.reasons import OVERFLOWED
from harness.training.pack import run
from tests.conftest import Config
from tests.helpers.far_device import FAR, Crossings, far_device

Tables = dict[str, pd.DataFrame]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.training.pack.EVAL_SAMPLES", 4)
    monkeypatch.setattr("harness.training.pack.check_present", lambda device: None)


def far_away(runs: list[Settings]) -> list[Settings]:
    return [each.model_copy(update={"device": str(FAR)}) for each in runs]


@dataclass
class Step:
    """What crossed in one training step, and in the measurement after it."""

    waits: int
    late: int
    sent: list[int]
    sent_waiting: list[int]


def counted(runs: list[Settings]) -> tuple[Tables, dict[int, Step]]:
    """The tables of runs on the device, and what crossed at each of their steps."""
    steps: dict[int, Step] = {}
    with far_device() as crossings:

        def tick(step: int) -> None:
            steps[step] = taken(crossings)

        return run(far_away(runs), tick), steps


def taken(crossings: Crossings) -> Step:
    step = Step(len(crossings.waits), len(crossings.late), [*crossings.sent], [*crossings.sent_waiting])
    crossings.forget()
    return step


ROUNDED = ["spectral_radius", "decay_rate_bound", "decay_rate_bound_init"]
"""What is computed from matrices in another way there."""


def assert_same(one: Tables, two: Tables) -> None:
    """The same to the bit, but for what says where it was computed, and how long that took."""
    for name in one:
        left, right = (each[name].drop(columns=["run_id", "device", "seconds"], errors="ignore") for each in (one, two))
        rounded = left.columns.intersection(ROUNDED)
        pd.testing.assert_frame_equal(left.drop(columns=rounded), right.drop(columns=rounded), check_exact=True)
        pd.testing.assert_frame_equal(left[rounded], right[rounded], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "changes",
    [
        {"cell": "gru", "seed": [0, 1], "train": {"clip_norm": 1.0, "clip_value": 0.1}},
        {"train": {"schedule": "cosine"}},
        {"num_layers": 2, "dropout": [0.0, 0.3]},
        {"experiment": "adding", "seed": [0, 1]},
        {"train": {"gradient_penalty": 0.1, "orthogonal_penalty": [0.1, None]}},
    ],
    ids=["clipped", "schedule", "dropout", "vectors", "penalties"],
)
def test_nothing_is_waited_for_within_a_step_and_the_losses_are_looked_at_late(
    config: Config, changes: dict[str, Any]
) -> None:
    train = {"steps": 4, "batch_size": 3, **changes.pop("train", {})}
    runs = members(config(seq_len=5, hidden_size=2, train=train, probe={"every": 3, "batch_size": 2}, **changes))
    tables, steps = counted(runs)
    assert (steps[2].waits, steps[2].late, steps[2].sent_waiting) == (0, 1, [])
    assert steps[1].waits > 0  # it is measured before the first step, and after the third
    assert steps[3].waits > 0
    assert_same(tables, run(runs))


@pytest.mark.parametrize(
    ("experiment", "bytes_sent"),
    [
        # Of two seeds 3 samples: 8 tokens and a target, a byte each; three members share them and have their copies.
        ("recall_dish", [2 * 8 * 3, 2 * 3, 6 * 8]),
        # 8 steps of 2 real numbers, and a real target, 4 bytes each.
        ("adding", [2 * 8 * 3 * 2 * 4, 2 * 3 * 4, 6 * 8]),
    ],
)
def test_each_seed_is_sent_once_and_whole_numbers_take_few_bytes(
    config: Config, experiment: str, bytes_sent: list[int]
) -> None:
    runs = members(config(experiment=experiment, seed=[0, 1], weight_scale=[0.5, 1, 2], train={"batch_size": 3}))
    _, steps = counted(runs)
    assert sorted(steps[2].sent) == sorted(bytes_sent)


def test_what_a_measurement_reads_does_not_come_in_more_pieces_with_more_members(config: Config) -> None:
    few, more = (members(config(cell="lstm", seed=seeds, train={"steps": 1})) for seeds in ([0, 1], [*range(6)]))
    assert counted(few)[1][1].waits == counted(more)[1][1].waits


def short(config: Config, **changes: Any) -> list[Settings]:
    """Short runs of a small network, of which some have a large weight or rate."""
    train = {"steps": 7, "batch_size": 3, "clip_norm": None, **changes.pop("train", {})}
    return members(config(hidden_size=3, train=train, probe={"every": 5, "batch_size": 2}, **changes))


def test_who_diverges_is_frozen_at_once_and_its_step_is_written_down_late(config: Config) -> None:
    runs = short(config, cell="rnn_relu", weight_scale=[1.0, 1e30], train={"lr": [0.01, 1e25]})
    tables, steps = counted(runs)
    assert {*tables["runs"].diverged_at.fillna(0)} >= {0, 1, 2}
    assert steps[2].waits == 0
    assert_same(tables, run(runs))


def test_where_all_have_diverged_they_are_measured_after_the_step_at_which_the_last_one_did(config: Config) -> None:
    runs = short(config, cell="rnn_relu", weight_scale=[1.0, 1e30], train={"lr": 1e25, "clip_value": 1e-3})
    tables, _ = counted(runs)
    assert tables["runs"].status.tolist() == ["diverged"] * 2
    assert tables["curves"].step.max() == tables["runs"].diverged_at.max() < 5
    assert tables["curves"].clipped.max() > 0
    assert_same(tables, run(runs))


def test_a_gradient_that_overflows_is_told_of_late_with_its_reason(config: Config) -> None:
    """With nothing to read states stay 0, and the gradient grows by the weight with every step back."""
    runs = short(config, cell="linear", input_scale=0, init="identity", seq_len=30, weight_scale=[1.0, 100.0])
    tables, _ = counted(runs)
    assert tables["runs"].reason.tolist()[1] == OVERFLOWED
    assert_same(tables, run(runs))
