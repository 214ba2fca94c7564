"""An expression in brackets, modulo five."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ._chomsky import DIGITS, TRAINING, ChomskyTask, Strings, Tokens, entropy

SIGNS = "+-*()"
"""What stands beside numbers; of these the first two or three are operators."""
OPERATIONS = (np.add, np.subtract, np.multiply)


class ModularArithmeticBrackets(ChomskyTask):
    """What an expression in brackets comes to, modulo five: plus, minus and times of numbers below five.

        ( ( 2 * 4 ) - ( - 3 ) ) _  ->  1

    Up to four symbols make a number: 3, -3, (3), (-3). Longer expressions are two shorter ones in a bracket, with an
    operator between: how long the left one is, is drawn uniformly. After n symbols an empty token asks (``seq_len``
    n + 1).

    A product is 0 more often than anything else: without memory one says 0, and the shares of results are computed
    exactly, from those of shorter expressions.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code, with times
    as in their experiments. There the input has one more token, which never comes.
    """

    name = "modular_arithmetic_brackets"
    claim = "A plain RNN and an LSTM learn to work out short expressions in brackets, and not long ones."
    sweep = {"cell": "rnn,lstm", "seq_len": "6,20", **TRAINING}
    level = "context-free"

    modulus: int = Field(5, ge=2, le=10, description="numbers are below it, and results are taken modulo it, 2 to 10")

    @property
    def symbols(self) -> Sequence[str]:
        return DIGITS[: self.modulus] + SIGNS

    @property
    def answer_symbols(self) -> Sequence[str]:
        return DIGITS[: self.modulus]

    def chance(self, seq_len: int) -> float:
        return float(result_shares(self.modulus, self.string_length(seq_len))[-1].max())

    def chance_loss(self, seq_len: int) -> float:
        return entropy(result_shares(self.modulus, self.string_length(seq_len))[-1])

    def strings(self, rng: np.random.Generator, batch_size: int, length: int) -> Strings:
        read, values = expressions(rng, batch_size, length, self.modulus, len(OPERATIONS))
        return Strings(read, values[:, None])


def expressions(
    rng: np.random.Generator, batch_size: int, length: int, modulus: int, operators: int
) -> tuple[Tokens, Tokens]:
    """Draw expressions.

    Args:
        operators: how many of `SIGNS` are used as operators, from the first.

    Returns:
        Tokens (B, length), where a number is itself and sign i is ``modulus + i``; what they come to (B,).
    """
    tokens = np.empty((batch_size, length), dtype=np.int64)
    rows, start = np.arange(batch_size), np.zeros(batch_size, dtype=np.int64)
    values = _write(rng, tokens, rows, start, np.full(batch_size, length), modulus, operators)
    return tokens, values


def _write(
    rng: np.random.Generator, tokens: Tokens, rows: Tokens, start: Tokens, size: Tokens, modulus: int, operators: int
) -> Tokens:
    """Write one expression of ``size`` symbols into each of these rows, from ``start`` on; returns their values."""
    minus, opening, closing = (modulus + SIGNS.index(sign) for sign in "-()")
    last = start + size - 1
    bracket = size >= 3
    tokens[rows[bracket], start[bracket]] = opening
    tokens[rows[bracket], last[bracket]] = closing
    short = size < 5
    values = rng.integers(modulus, size=len(rows))
    tokens[rows[short], (last - bracket)[short]] = values[short]
    negative = short & (size % 2 == 0)
    tokens[rows[negative], (last - bracket)[negative] - 1] = minus
    values[negative] *= -1
    long = ~short
    if long.any():
        left = rng.integers(1, size[long] - 3)
        operator = rng.integers(operators, size=long.sum())
        middle = start[long] + 1 + left
        tokens[rows[long], middle] = modulus + operator
        parts = np.concatenate([start[long] + 1, middle + 1]), np.concatenate([left, size[long] - 3 - left])
        one, other = np.split(_write(rng, tokens, np.tile(rows[long], 2), *parts, modulus, operators), 2)
        values[long] = np.choose(operator, [operation(one, other) for operation in OPERATIONS])
    return values % modulus


@lru_cache(maxsize=32)
def result_shares(modulus: int, length: int) -> NDArray[np.float64]:
    """The probability of every result (column) of expressions of 1 to ``length`` symbols (rows)."""
    one, other = np.meshgrid(np.arange(modulus), np.arange(modulus), indexing="ij")
    found = np.full((length, modulus), 1 / modulus)
    for size in range(5, length + 1):
        left = found[: size - 4]
        pairs = left.T @ left[::-1] / len(left)  # how likely these two values are, of the parts
        found[size - 1] = 0
        for operation in OPERATIONS:
            np.add.at(found[size - 1], operation(one, other) % modulus, pairs / len(OPERATIONS))
    return found
