"""Multiply two binary numbers."""

from __future__ import annotations

from collections.abc import Sequence

from ._chomsky import TRAINING
from .binary_addition import BinaryAddition


class BinaryMultiplication(BinaryAddition):
    """The product of two binary numbers, the lowest digit first in all of them.

        0 0 1 * 0 1 1 0 1 _ _ _ _ _ _ _ _ _
                          0 0 0 1 1 0 1 . 0      4 * 22 = 88

    Where the sign stands among n symbols is drawn uniformly, then both numbers, from 1 on. The answer has n symbols
    (``seq_len`` 2 n): the product, without zeros beyond its highest digit, a symbol for its end, and zeros, which count
    in the loss, but not in the accuracy.

    Without memory one always says the same, right in no more than one half: a product's highest digit is 1, its lowest
    ones are rather 0, and there is the end. (A bound, and almost reached: no sum over all products is known.)

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code. There
    strings of one or two symbols have no second number, and those of three are all 1 * 1: they are left out here.
    """

    name = "binary_multiplication"
    claim = "A plain RNN and an LSTM learn to multiply short numbers, and not long ones."
    sweep = {"cell": "rnn,lstm", "seq_len": "8,30", **TRAINING}

    @property
    def symbols(self) -> Sequence[str]:
        return "01*"

    def answer_length(self, length: int) -> int:
        return length

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def chance_loss(self, seq_len: int) -> float | None:
        return None

    def result(self, one: int, other: int) -> int:
        return one * other
