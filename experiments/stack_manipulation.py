"""A stack and what is done to it: what does it hold in the end?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ._chomsky import TRAINING, ChomskyTask, Strings, entropy

POP = 2
"""This and the next two numbers are what may be done: pop, push 0, push 1."""


class StackManipulation(ChomskyTask):
    """A stack of bits is read, then what is done to it; what is left is said from the top down.

        0 1 1 0 push1 pop pop  ->  1 1 0 .
        1 1 0 pop pop pop      ->  .           (0 0 0 0 0 0 after it)

    The stack is read from its bottom to its top. It has 1 to n - 1 bits, with equal probability; then it is popped, or
    a 0 or a 1 is pushed, with equal probability, n symbols in all. To pop an empty stack changes nothing. The answer
    has n + 1 symbols (``seq_len`` 2 n + 1): the stack, a symbol for its end, and zeros, which count in the loss, but
    not in the accuracy.

    A stack of s bits ends in s + 1 judged symbols, and both bits are equally likely. Without memory the best is to say
    always the same: where the mean of s is above 2 a bit, right in (s / 2) / (s + 1) with that mean, which is computed
    exactly. (The least loss is that of saying what is likeliest among all symbols, zeros included.)

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code.
    """

    name = "stack_manipulation"
    claim = "A plain RNN and an LSTM learn what short programs leave on a stack, and not what long ones do."
    sweep = {"cell": "rnn,lstm", "seq_len": "7,31", **TRAINING}
    level = "context-free"
    ends = True
    exact_chance = False  # the least loss over all symbols, zeros included, may be that of a symbol less often judged

    @property
    def symbols(self) -> Sequence[str]:
        return ["0", "1", "pop", "push0", "push1"]

    @property
    def answer_symbols(self) -> Sequence[str]:
        return "01"

    def answer_length(self, length: int) -> int:
        return length + 1

    def chance(self, seq_len: int) -> float:
        size = mean_size(self.string_length(seq_len))
        return max(size / 2, 1) / (size + 1)

    def chance_loss(self, seq_len: int) -> float:
        length = self.string_length(seq_len)
        one, end = mean_size(length) / 2 / (length + 1), 1 / (length + 1)
        return entropy([1 - one - end, one, end])

    def strings(self, rng: np.random.Generator, batch_size: int, length: int) -> Strings:
        heights = rng.integers(1, max(length, 2), size=batch_size)
        first = np.arange(length) < heights[:, None]
        read = np.where(first, rng.integers(2, size=first.shape), rng.integers(POP, POP + 3, size=first.shape))
        rows = np.arange(batch_size)
        stacks, height = np.zeros((batch_size, length), dtype=np.int64), np.zeros(batch_size, dtype=np.int64)
        for done in read.T:  # a bit of the first stack is pushed as any other
            stacks[rows, height] = done % (POP + 1)  # above the stack, where it is popped
            height = np.where(done == POP, np.maximum(height - 1, 0), height + 1)
        place = height[:, None] - 1 - np.arange(length + 1)  # in the stack, from the top down
        answers = np.where(place >= 0, stacks[rows[:, None], np.maximum(place, 0)], 0)
        return Strings(read, np.where(place == -1, len(self.answer_symbols), answers))


@lru_cache(maxsize=256)
def mean_size(length: int) -> float:
    """The mean size of the stack in the end, of strings of ``length`` symbols."""
    after = np.arange(2.0 * length + 1)  # the mean size in the end, from every size, with nothing left to do
    means = []
    for first in range(length, 0, -1):
        if first < length or length == 1:
            means.append(after[first])
        after = (np.append(after[0], after[:-2]) + 2 * after[1:]) / 3
    return float(np.mean(means))
