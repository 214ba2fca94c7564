"""Steps to the left and to the right on a circle: where does one end up?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ._chomsky import DIGITS, TRAINING, ChomskyTask, Strings, entropy


class CycleNavigation(ChomskyTask):
    """Where a walk on a circle of five places ends: each step goes to the left (-), to the right (+) or nowhere (0).

        + - 0 - - _  ->  3    two places to the left of 0
        + + + - _  ->  2

    The walk starts at place 0. After n steps an empty token asks (``seq_len`` n + 1).

    A short walk ends near its start more often than elsewhere: without memory one says the likeliest place, and the
    shares of places are those of a random walk, computed exactly.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code.
    """

    name = "cycle_navigation"
    claim = "A plain RNN and an LSTM learn where a short walk ends, and not where a long one does."
    sweep = {"cell": "rnn,lstm", "seq_len": "5,20", **TRAINING}
    level = "regular"

    places: int = Field(5, ge=2, le=10, description="places on the circle, 2 to 10")

    @property
    def symbols(self) -> Sequence[str]:
        return "-0+"

    @property
    def answer_symbols(self) -> Sequence[str]:
        return DIGITS[: self.places]

    def ends_at(self, length: int) -> NDArray[np.float64]:
        """The probability of each place after ``length`` steps."""
        start = np.eye(self.places)[0]
        one = sum(np.roll(np.eye(self.places), move, axis=1) for move in (-1, 0, 1)) / 3
        return np.asarray(start @ np.linalg.matrix_power(one, length))

    def chance(self, seq_len: int) -> float:
        return float(self.ends_at(self.string_length(seq_len)).max())

    def chance_loss(self, seq_len: int) -> float:
        return entropy(self.ends_at(self.string_length(seq_len)))

    def strings(self, rng: np.random.Generator, batch_size: int, length: int) -> Strings:
        moves = rng.integers(3, size=(batch_size, length))
        return Strings(moves, (moves - 1).sum(axis=1, keepdims=True) % self.places)
