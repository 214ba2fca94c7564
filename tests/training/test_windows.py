"""Truncated backpropagation: the state is carried from window to window."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from harness.experiment import Batch
from harness.training.pack import run
from tests.conftest import Config
from tests.helpers.counting import Counting, settings


class Before(Counting):
    """The token before is asked for."""

    name: ClassVar[str] = "before"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        tape = rng.integers(5, size=(batch_size, seq_len + 1))
        return Batch(tape[:, 1:], tape[:, :-1], mask=np.tile(np.arange(seq_len) > 0, (batch_size, 1)))


def test_training_in_windows_carries_the_state(config: Config) -> None:
    # In windows of one step, only a state that is carried holds the token before.
    made = settings(
        config, Before(n_windows=50), cell="rnn", seq_len=1, hidden_size=32,
        train={"steps": 500, "batch_size": 32}, probe={"every": 500},
    )  # fmt: skip
    found = run(made)
    assert found["runs"].accuracy.item() > 0.8
