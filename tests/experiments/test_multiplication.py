"""The multiplication problem against a reading of its rows by hand, and its baselines against counting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from harness.base.seeds import stream
from harness.plugins.registry import registry
from harness.run.pack import run
from harness.settings.members import members

Multiplication = registry().get("experiment", "multiplication")


@pytest.mark.parametrize("seq_len", [3, 4, 9, 50])
def test_the_answer_is_the_product_of_the_two_marked_numbers(seq_len: int) -> None:
    batch = Multiplication().sample(stream(0, "test"), 300, seq_len)
    for row, target, cue in zip(batch.inputs, batch.targets, batch.cue, strict=True):
        marked = [(step, number) for step, (number, mark) in enumerate(row, start=1) if mark]
        assert [step for step, _ in marked] == cue.tolist()
        assert marked[0][0] <= seq_len // 2 < marked[1][0] < seq_len
        assert target.item() == marked[0][1] * marked[1][1]


def test_no_constant_is_right_more_often_than_the_stated_chance_and_the_mean_has_the_stated_loss() -> None:
    task = Multiplication()
    targets = torch.from_numpy(task.sample(stream(1, "test"), 200_000, 6).targets)
    constants = np.arange(0, 1, 0.01)
    right = [
        task.outputs.right(torch.full((*targets.shape, 1), each, dtype=torch.float64), targets).double().mean().item()
        for each in constants
    ]
    assert max(right) == pytest.approx(task.chance(6), rel=0.01)
    assert constants[int(np.argmax(right))] == pytest.approx(0.04)
    assert right[25] == pytest.approx(0.111, abs=0.003)
    mean = torch.full((*targets.shape, 1), 0.25, dtype=torch.float64)
    assert task.outputs.loss(mean, targets).mean().item() == pytest.approx(task.chance_loss(6), rel=0.01)


def test_a_row_is_shown_with_its_marked_numbers() -> None:
    batch = Multiplication().sample(stream(2, "test"), 1, 7)
    shown = Multiplication().show(batch, 0, batch.targets[:, :, None][0])
    numbers = [float(word[1:-1]) for word in shown.text.split() if word.startswith("[")]
    assert np.prod(numbers) == pytest.approx(float(shown.expected), abs=0.02)
    assert shown.answered == shown.expected
    assert Multiplication().show(batch, 0, np.array([[np.nan]])).answered == "?"


@pytest.mark.slow
def test_a_gru_multiplies_where_a_plain_rnn_does_not(config: Callable[..., dict[str, Any]]) -> None:
    found = {
        cell: run(
            members(
                config(
                    experiment="multiplication", cell=cell, seq_len=40, hidden_size=32, seed=0,
                    train={"steps": 1500, "batch_size": 32}, probe={"every": 500}, engine={"compile": "auto"},
                )
            )
        )["runs"]
        for cell in ("rnn", "gru")
    }  # fmt: skip
    assert found["gru"].solved.all()
    assert (found["rnn"].accuracy < found["rnn"].chance).all()
