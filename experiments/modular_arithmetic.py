"""A sum of products without brackets, modulo five."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ._chomsky import DIGITS, TRAINING, ChomskyTask, Strings, entropy

OPERATORS = "+-*"


class ModularArithmetic(ChomskyTask):
    """What an expression of numbers below five, plus, minus and times comes to, modulo five.

        1 + 2 * 3 _  ->  2
        1 - 1 - 1 _  ->  4

    Times goes before plus and minus; so it is enough to remember the sum of the terms that are over, and the product of
    the term at hand, 25 states. Numbers and operators are drawn uniformly and alternate, so n is odd; after them an
    empty token asks (``seq_len`` n + 1).

    A product is 0 more often than anything else: without memory one says 0, and the shares of results are computed
    exactly, as those of a walk through the states.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code. There
    the input has one more token, which never comes, and an even n is taken as n - 1.
    """

    name = "modular_arithmetic"
    claim = "A plain RNN and an LSTM learn to work out short expressions, and not long ones."
    sweep = {"cell": "rnn,lstm", "seq_len": "4,20", **TRAINING}
    level = "regular"

    modulus: int = Field(5, ge=2, le=10, description="numbers are below it, and results are taken modulo it, 2 to 10")

    @property
    def symbols(self) -> Sequence[str]:
        return DIGITS[: self.modulus] + OPERATORS

    @property
    def answer_symbols(self) -> Sequence[str]:
        return DIGITS[: self.modulus]

    def allows(self, length: int) -> bool:
        return length % 2 == 1

    def chance(self, seq_len: int) -> float:
        return float(result_shares(self.modulus, self.string_length(seq_len)).max())

    def chance_loss(self, seq_len: int) -> float:
        return entropy(result_shares(self.modulus, self.string_length(seq_len)))

    def strings(self, rng: np.random.Generator, batch_size: int, length: int) -> Strings:
        numbers = rng.integers(self.modulus, size=(batch_size, length // 2 + 1))
        operators = rng.integers(len(OPERATORS), size=(batch_size, length // 2))
        read = np.empty((batch_size, length), dtype=np.int64)
        read[:, ::2], read[:, 1::2] = numbers, self.modulus + operators
        over, term = np.zeros(batch_size, dtype=np.int64), numbers[:, 0]
        for operator, number in zip(operators.T, numbers[:, 1:].T, strict=True):
            times, minus = operator == 2, operator == 1
            over = np.where(times, over, over + term)
            term = np.where(times, term * number, np.where(minus, -number, number)) % self.modulus
        return Strings(read, (over + term)[:, None] % self.modulus)


@lru_cache(maxsize=256)
def result_shares(modulus: int, length: int) -> NDArray[np.float64]:
    """The probability of every result of expressions of ``length`` symbols."""
    numbers = np.arange(modulus)
    over, term = np.meshgrid(numbers, numbers, indexing="ij")
    states = np.zeros((modulus, modulus))  # the sum of what is over, and the term at hand
    states[0] = 1 / modulus
    for _ in range(length // 2):
        following = np.zeros_like(states)
        for number in numbers:
            np.add.at(following, (over, term * number % modulus), states / (3 * modulus))
            np.add.at(following, ((over + term) % modulus, number), states * 2 / (3 * modulus))  # plus, minus: alike
        states = following
    found = np.zeros(modulus)
    np.add.at(found, (over + term) % modulus, states)
    return found
