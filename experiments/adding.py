"""Two numbers of a long row are marked; what is their sum?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.claims import compare
from harness.experiment import Batch, Experiment, Sample, Tables, Values, Verdict

TOLERANCE = 0.04


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

    Source: Hochreiter, Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, experiment 4 (there
    numbers lie in [-1, 1], the first mark among the first ten, lengths vary by a tenth, and an error below 0.04 is
    right, but of the target 1/2 + sum/4: 0.16 of the sum); with numbers from 0 to 1 Le, Jaitly, Hinton, "A simple way
    to initialize recurrent networks of rectified linear units", 2015, section 4.1; with a mark in each half Arjovsky,
    Shah, Bengio, "Unitary evolution recurrent neural networks", ICML 2016.
    """

    name = "adding"
    claim = "Cells with gates learn to add over lengths at which a plain RNN answers the mean."
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "20,50", "seed": "0,1", "train.steps": 1500, "train.lr": 0.01,
             "probe.every": 150}  # fmt: skip

    @property
    def input_size(self) -> int:
        """The number and its mark."""
        return 2

    @property
    def outputs(self) -> Values:
        return Values(tolerance=TOLERANCE)

    def chance(self, seq_len: int) -> float:
        return 1 - (1 - TOLERANCE) ** 2

    def chance_loss(self, seq_len: int) -> float:
        return 1 / 6

    def min_seq_len(self) -> int:
        return 3

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        numbers, marks = rng.random((batch_size, seq_len)), np.zeros((batch_size, seq_len))
        half, rows = seq_len // 2, np.arange(batch_size)
        places = np.stack([rng.integers(half, size=batch_size), rng.integers(half, seq_len - 1, size=batch_size)], 1)
        marks[rows[:, None], places] = 1
        total = (numbers * marks).sum(axis=1, keepdims=True)
        return Batch(inputs=np.stack([numbers, marks], axis=-1), targets=total, cue=places + 1)

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The row, with its marked numbers in brackets."""
        words = [f"[{number:.2f}]" if mark else f"{number:.2f}" for number, mark in batch.inputs[index]]
        return Sample(" ".join(words), f"{batch.targets[index, 0]:.2f}", self.say(output[0]))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        """At some length every gated run is right in 80 % or more, and no plain one in more than twice chance."""
        return compare(
            tables, "cell in ['gru', 'lstm']", "cell == 'rnn'",
            lambda gated, plain: gated.beats(plain)
            and bool((gated.runs.accuracy >= 0.8).all() and (plain.runs.accuracy <= 2 * plain.runs.chance).all()),
        )  # fmt: skip
