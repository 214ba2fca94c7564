"""A task can be posed at every length that it does not refuse, or the check of experiments says so."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiment import Batch
from harness.testing import ContractError, check_experiment
from tests.testing.test_experiment import First


class Even(First):
    """The first token, at the end of rows that must be even."""

    name = "even"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        if seq_len % 2:
            raise ValueError("an odd row")
        return super().sample(rng, batch_size, seq_len)


class RefusesOdd(Even):
    """The same task, which says so."""

    name = "refuses_odd"

    def refuses(self, seq_len: int) -> str | None:
        return "an even number" if seq_len % 2 else super().refuses(seq_len)


class Shortened(First):
    """Rows of five steps lose their last one."""

    name = "shortened"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return super().sample(rng, batch_size, seq_len - (seq_len == 5))


def test_a_length_at_which_nothing_can_be_drawn_is_named() -> None:
    with pytest.raises(
        ContractError, match=r"at seq_len=3, which it does not refuse, drawing a batch raises .*odd row"
    ):
        check_experiment(Even(), seq_len=8, steps=0)


def test_a_length_at_which_something_else_is_drawn_is_named() -> None:
    with pytest.raises(ContractError, match="at seq_len=5, which it does not refuse, sample: "):
        check_experiment(Shortened(), seq_len=8, steps=0)


class LongShortened(First):
    """Rows of 24 steps lose their last one."""

    name = "long_shortened"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return super().sample(rng, batch_size, seq_len - (seq_len == 24))


def test_every_length_up_to_24_steps_is_drawn() -> None:
    with pytest.raises(ContractError, match="at seq_len=24, which it does not refuse, sample: "):
        check_experiment(LongShortened(), seq_len=8, steps=0)


def test_lengths_that_are_refused_are_not_drawn() -> None:
    check_experiment(RefusesOdd(), seq_len=8, steps=0)
