"""The square root of a binary number."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from ._binary import digits_of, numbers_of
from ._chomsky import TRAINING, ChomskyTask, Strings, entropy


class ComputeSqrt(ChomskyTask):
    """The square root of a binary number, rounded down; the highest digit comes first in both.

        1 0 0 1 0 1 _ _ _
                    1 1 0      37 -> 6

    A number from 1 to 2^n - 1 is drawn uniformly. The answer has n / 2 digits, rounded up (``seq_len`` is both
    together). Numbers of one and two digits all have the root 1, and are left out here.

    The root of a random number is rather large: more of its digits are 1 than 0. Without memory one says 1; how often
    that is right is counted exactly.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code.
    """

    name = "compute_sqrt"
    claim = "A plain RNN and an LSTM learn the roots of short numbers, and not those of long ones."
    sweep = {"cell": "rnn,lstm", "seq_len": "6,30", **TRAINING}
    level = "context-sensitive"
    shortest = 3

    def answer_length(self, length: int) -> int:
        return (length + 1) // 2

    def chance(self, seq_len: int) -> float:
        ones = share_of_ones(self.string_length(seq_len))
        return max(ones, 1 - ones)

    def chance_loss(self, seq_len: int) -> float:
        ones = share_of_ones(self.string_length(seq_len))
        return entropy([ones, 1 - ones])

    def strings(self, rng: np.random.Generator, batch_size: int, length: int) -> Strings:
        read = rng.integers(2, size=(batch_size, length))
        while (zero := ~read.any(axis=1)).any():
            read[zero] = rng.integers(2, size=(zero.sum(), length))
        roots = [math.isqrt(number) for number in numbers_of(read[:, ::-1])]
        return Strings(read, digits_of(roots, self.answer_length(length))[:, ::-1])


@lru_cache(maxsize=256)
def share_of_ones(length: int) -> float:
    """How many of the digits of the roots of all numbers from 1 to 2^length - 1 are 1, as a share."""
    above, places = 2**length, (length + 1) // 2
    ones = 0
    for place in range(places):
        # A root has a 1 at this place from (2 k + 1) 2^place on, and a 0 again from (2 k + 2) 2^place on.
        whole = math.isqrt(above) // 2 ** (place + 1)
        ones += 4**place * whole * (2 * whole + 1)
        ones += max(0, above - (2 * whole + 1) ** 2 * 4**place)
    return ones / (places * (above - 1))
