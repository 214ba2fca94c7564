"""Add two binary numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ._binary import digits_of, numbers_of
from ._chomsky import TRAINING, ChomskyTask, Strings, entropy

SEPARATOR = 2


class BinaryAddition(ChomskyTask):
    """The sum of two binary numbers, the lowest digit first in all of them.

        0 0 1 + 0 1 1 0 1 _ _ _ _ _ _ _ _ _ _
                          0 1 0 1 1 . 0 0 0 0      4 + 22 = 26

    Where the plus stands among n symbols is drawn uniformly, then both numbers, from 1 on. The answer has n + 1 symbols
    (``seq_len`` 2 n + 1): the sum, without zeros beyond its highest digit, a symbol for its end, and zeros, which count
    in the loss, but not in the accuracy.

    Without memory the best is to say always the same digit; how often it is right is counted exactly. (The least loss
    is that of saying what is likeliest among all symbols, zeros at the end included.)

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code. There
    strings of one or two symbols are single numbers, and those of three all 1 + 1: they are left out here.
    """

    name = "binary_addition"
    claim = "A plain RNN and an LSTM learn to add short numbers, and not long ones."
    sweep = {"cell": "rnn,lstm", "seq_len": "9,31", **TRAINING}
    level = "context-sensitive"
    shortest = 4
    ends = True
    exact_chance = False  # the least loss over all symbols, zeros included, may be that of a symbol less often judged

    @property
    def symbols(self) -> Sequence[str]:
        return "01+"

    @property
    def answer_symbols(self) -> Sequence[str]:
        return "01"

    def answer_length(self, length: int) -> int:
        return length + 1

    def chance(self, seq_len: int) -> float:
        digits, ones = digits_of_sums(self.string_length(seq_len))
        return max(ones, digits - ones, 1) / (digits + 1)

    def chance_loss(self, seq_len: int) -> float | None:
        length = self.string_length(seq_len)
        _, ones = digits_of_sums(length)
        one, end = ones / (length + 1), 1 / (length + 1)
        return entropy([1 - one - end, one, end])

    def result(self, one: int, other: int) -> int:
        """What is asked for of two numbers."""
        return one + other

    def strings(self, rng: np.random.Generator, batch_size: int, length: int) -> Strings:
        split = rng.integers(1, length - 1, size=(batch_size, 1))
        place = np.arange(length)
        read = rng.integers(2, size=(batch_size, length))
        for part in (place < split, place > split):
            while (zero := part & ~(part & (read == 1)).any(axis=1, keepdims=True)).any():
                read[zero] = rng.integers(2, size=zero.sum())
        read[place == split] = SEPARATOR
        low = numbers_of(np.where(place < split, read, 0))
        high = numbers_of(np.where(place > split, read, 0))
        results = [
            self.result(one, other >> end + 1) for one, other, end in zip(low, high, split[:, 0].tolist(), strict=True)
        ]
        answers = digits_of(results, self.answer_length(length))
        answers[np.arange(batch_size), [result.bit_length() for result in results]] = len(self.answer_symbols)
        return Strings(read, answers)


@lru_cache(maxsize=256)
def digits_of_sums(length: int) -> tuple[float, float]:
    """How many digits the sums of strings of ``length`` symbols have, and how many of them are 1, on average."""
    digits = ones = 0.0
    for first in range(1, length - 1):
        short, long = sorted((first, length - 1 - first))
        pairs = (2**short - 1) * (2**long - 1)
        below = [_pairs_below(2**power, 2**short) for power in range(long + 1)]
        digits += sum((pairs - each) / pairs for each in below)
        # With zeros as numbers, too, all digits but the carry at the end are 1 in half of all cases.
        with_zeros = long * 2 ** (short + long - 1) + (2**short - 1) * 2 ** (short - 1)
        ones += (with_zeros - short * 2**short // 2 - long * 2**long // 2) / pairs
    return digits / (length - 2), ones / (length - 2)


def _pairs_below(limit: int, short: int) -> int:
    """How many pairs of numbers from 1 on, the one below ``short`` and neither above ``limit``, add up to less than it.

    Both are powers of two.
    """
    if limit <= short:
        return (limit - 1) * (limit - 2) // 2
    return (short - 1) * (limit - 1) - short * (short - 1) // 2
