"""Evaluation with answers that are fed back, and texts that are gone on with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from harness.experiment import Batch, Values
from harness.measure.evaluation import evaluate
from harness.measure.generation import answered_alone
from harness.measure.measurement import measure
from harness.measure.moment import Moment
from harness.settings.members import members
from harness.training.building import build, streams
from harness.training.pack import run
from tests.conftest import Config
from tests.helpers.counting import Counting, settings


def test_a_network_that_can_count_goes_on_counting_by_itself(config: Config) -> None:
    made = settings(
        config, Counting(writes=True), hidden_size=16, train={"steps": 150, "batch_size": 16, "lr": 0.05},
        probe={"every": 150},
    )  # fmt: skip
    samples = run(made)["samples"]
    for row in samples.itertuples():
        expected = [(int(row.text[-1]) + step) % 5 for step in range(1, 8)]
        assert row.answered == "".join(map(str, expected))
        assert row.expected == ""


class Near(Counting):
    """A number between 0 and 1 is asked for, to within a quarter, in twos."""

    name: ClassVar[str] = "near"

    @property
    def outputs(self) -> Any:
        return Values(tolerance=0.25)

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return Batch(rng.integers(5, size=(batch_size, seq_len)), rng.random((batch_size, 2)))


def test_a_shown_sample_says_how_much_of_its_answer_is_right_by_the_tasks_criterion(config: Config) -> None:
    made = settings(config, Near(), train={"steps": 0})
    network = build(made, torch.float64)
    network.flat.zero_()  # always answers 0
    data = streams(made, "eval").held_out(64, torch.float64)
    with torch.no_grad():
        moment = Moment(network, streams(made, "probe").next(4, torch.float64), made[0].experiment, 0)
        found = measure(network, data, moment, seeds=[0], clipped=torch.zeros(1))
    right = (data.targets[0] <= 0.25).double().mean(1)
    assert found.sample_accuracy[0].tolist() == right[:4].tolist()
    assert found.accuracy.item() == pytest.approx(right.mean().item())
    samples = run(settings(config, Counting(writes=True), train={"steps": 0}))["samples"]
    assert samples.accuracy.isna().all()  # what goes on by itself is neither right nor wrong


def test_a_sample_keeps_showing_what_it_has_shown_at_its_end(config: Config) -> None:
    made = settings(config, Counting(), cell="gru", seed=[0, 1], dtype="float64")
    network, data = build(made, torch.float64), streams(made, "eval").held_out(4, torch.float64)
    ends = torch.tensor([[3, 8, 1, 5], [2, 4, 8, 7]])
    with torch.no_grad():
        whole = evaluate(network, made[0].experiment, data)[2]
        _, _, found = evaluate(network, made[0].experiment, replace(data, lengths=ends))
    for shown, expected, own in zip(found, whole, ends.tolist(), strict=True):
        for sample, end in enumerate(own):
            steps = [min(step, end - 1) for step in range(8)]
            torch.testing.assert_close(shown[sample], expected[sample, steps])


def test_answers_that_are_fed_back_equal_a_run_from_the_start_on_them(config: Config) -> None:
    made = members(
        config(experiment={"name": "reverse_name", "feed_back": True}, seed=[0, 1], seq_len=8, dtype="float64")
    )
    network = build(made, torch.float64)
    data = streams(made, "eval").held_out(3, torch.float64)
    with torch.no_grad():
        found = answered_alone(network, data, feedback=0)
        inputs = data.inputs.clone()
        for place, step in enumerate(data.scored[1:]):
            inputs[:, step - 1] = found[:, :, place].argmax(-1)
        again = network.outputs(inputs, data.scored)
        torch.testing.assert_close(found, again)
        taught = network.outputs(data.inputs, data.scored)
        assert not torch.allclose(found, taught)
        losses, right, outputs = evaluate(network, made[0].experiment, data)
        torch.testing.assert_close(losses, data.loss(taught))
        assert torch.equal(right, data.right(found))
        torch.testing.assert_close(outputs, found)
