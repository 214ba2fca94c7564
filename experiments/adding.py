"""Two numbers of a long row are marked; what is their sum?"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import compare
from harness.experiment import Batch, Experiment, Sample, Tables, Values, Verdict

TOLERANCE = 0.04

FIRST = 10
"""Of how many steps one is marked first, in the problem as first published."""


class Adding(Experiment):
    """The sum of two marked numbers in a row of random ones is asked for at its end.

        t       1     2     3     4     5     6
        number  0.31  0.90  0.52  0.07  0.65  0.44
        mark    0     1     0     0     1     0     ->  1.55

    Numbers are uniform in [0, 1); one mark lies in the first half, one in the second, never on the last step, so
    that a network without memory sees nothing of the sum. Right is an answer that is off by at most 0.04.

    Without memory the best answer is the mean, 1. Its squared error is the variance of a sum of two uniform
    numbers, 2 · 1/12 = 1/6 = 0.1667 (the 0.1767 that some papers print for it is a slip). The sum
    has a triangular density, so the mean is within 0.04 of it with probability 1 - (1 - 0.04)^2 = 0.0784.

    ``protocol=hochreiter`` is the problem as first published. Numbers are uniform in [-1, 1]. The first mark is on one
    of the first ten, the second on another one of the first T/2 - 1 steps, T being the length of the shortest rows;
    all lengths from T to T + T/10, the longest ``seq_len``, are equally likely.
    The first and the last step have mark -1; where the first one is marked, its number is 0. The target is 1/2 + sum/4,
    and right is what is off by 0.04 of that: 0.16 of the sum. Without memory the best answer is 1/2, which is right
    with probability 1 - (1 - 0.08)^2 = 0.154 where neither number is 0, and its squared error is 1/16 · 2/3.

    Source: Hochreiter, Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, experiment 4 (trained row
    by row, T = 100, 500, 1000); with numbers from 0 to 1 Le, Jaitly, Hinton, "A simple way to initialize recurrent
    networks of rectified linear units", 2015, section 4.1; with a mark in each half, the last step's included,
    Arjovsky, Shah, Bengio, "Unitary evolution recurrent neural networks", ICML 2016.
    """

    name = "adding"
    claim = "Cells with gates learn to add over lengths at which a plain RNN answers the mean."
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "20,50", "seed": "0,1", "train.steps": 1500, "train.lr": 0.01,
             "probe.every": 150}  # fmt: skip

    protocol: Literal["halves", "hochreiter"] = Field(
        "halves", description="how rows are drawn: a mark in each half as today, or as Hochreiter and Schmidhuber did"
    )

    @property
    def input_size(self) -> int:
        """The number and its mark."""
        return 2

    @property
    def outputs(self) -> Values:
        return Values(tolerance=TOLERANCE)

    def chance(self, seq_len: int) -> float:
        if self.protocol == "halves":
            return 1 - (1 - TOLERANCE) ** 2
        off, empty = 4 * TOLERANCE, _one_is_empty(seq_len)
        return (1 - empty) * (1 - (1 - off / 2) ** 2) + empty * off

    def chance_loss(self, seq_len: int) -> float:
        return 1 / 6 if self.protocol == "halves" else (2 - _one_is_empty(seq_len)) / 3 / 16

    def min_seq_len(self) -> int:
        """Two steps to mark and one at the end; as first published, the first ten in the first half."""
        return 3 if self.protocol == "halves" else 24

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return (self._halves if self.protocol == "halves" else self._hochreiter)(rng, batch_size, seq_len)

    def _hochreiter(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        rows, steps, shortest = np.arange(batch_size), np.arange(seq_len), _shortest(seq_len)
        ends = rng.integers(shortest, seq_len + 1, size=batch_size) - 1
        numbers = rng.uniform(-1, 1, size=(batch_size, seq_len)) * (steps <= ends[:, None])
        first = rng.integers(FIRST, size=batch_size)
        second = (first + rng.integers(1, shortest // 2 - 1, size=batch_size)) % (shortest // 2 - 1)
        places = np.sort(np.stack([first, second], axis=1), axis=1)
        numbers[places[:, 0] == 0, 0] = 0
        marks = np.zeros_like(numbers)
        marks[:, 0] = marks[rows, ends] = -1
        marks[rows[:, None], places] = 1
        answer = 1 / 2 + numbers[rows[:, None], places].sum(axis=1, keepdims=True) / 4
        return Batch(np.stack([numbers, marks], axis=-1), answer, cue=places + 1, lengths=ends + 1)

    def _halves(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        numbers, marks = rng.random((batch_size, seq_len)), np.zeros((batch_size, seq_len))
        half, rows = seq_len // 2, np.arange(batch_size)
        places = np.stack([rng.integers(half, size=batch_size), rng.integers(half, seq_len - 1, size=batch_size)], 1)
        marks[rows[:, None], places] = 1
        total = (numbers * marks).sum(axis=1, keepdims=True)
        return Batch(inputs=np.stack([numbers, marks], axis=-1), targets=total, cue=places + 1)

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The row, with its marked numbers in brackets."""
        words = [f"[{number:.2f}]" if mark > 0 else f"{number:.2f}" for number, mark in batch.inputs[index]]
        (place,) = np.flatnonzero(batch.judged[index])
        row = words[: batch.scored[place]]
        return Sample(" ".join(row), f"{batch.targets[index, place]:.2f}", self.say(output[place]), words=row)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        """At some length every gated run is right in 80 % or more, and no plain one in more than twice chance."""
        return compare(
            tables, "cell in ['gru', 'lstm']", "cell == 'rnn'",
            lambda gated, plain: gated.beats(plain)
            and bool((gated.runs.accuracy >= 0.8).all() and (plain.runs.accuracy <= 2 * plain.runs.chance).all()),
        )  # fmt: skip


def _shortest(longest: int) -> int:
    """T, of which rows are up to a tenth longer: 100 where the longest have 110 steps."""
    return longest - longest // 11


def _one_is_empty(longest: int) -> float:
    """How often the first step, whose number is then 0, is one of the two that are marked."""
    return 1 / FIRST + (1 - 1 / FIRST) / (_shortest(longest) // 2 - 2)
