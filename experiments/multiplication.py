"""Two numbers of a long row are marked; what is their product?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.claims import solves_where_it_does_not
from harness.experiment import Batch, Experiment, Sample, Tables, Values, Verdict

TOLERANCE = 0.04


class Multiplication(Experiment):
    """The product of two marked numbers in a row of random ones is asked for at its end.

        t       1     2     3     4     5     6
        number  0.31  0.90  0.52  0.07  0.65  0.44
        mark    0     1     0     0     1     0     ->  0.585

    As the adding problem, whose answer a memory that only adds up could give: numbers are uniform in [0, 1), one mark
    lies in the first half, one in the second, never on the last step. Right is an answer that is off by at most
    0.04.

    Without memory the answer with the least squared error is the mean, 1/2 · 1/2 = 1/4. The error is the variance of
    the product, 1/3 · 1/3 - 1/16 = 7/144 = 0.0486. A product is below p with probability F(p) = p (1 - ln p), so that
    the mean is right with probability F(0.29) - F(0.21) = 0.111. That is the chance level, since it is what learning
    gets. (Small products are the likeliest: who wanted to be right as often as possible would answer 0.04, with
    probability F(0.08) = 0.282.)

    Source: Hochreiter, Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, experiment 5, where an
    error above 0.04 is wrong, too. There one mark is among the first ten pairs and both lie in the first half, rows
    are 100 to 110 long, an LSTM is trained sample by sample, and a mark may hit the first number, which then is 1.
    """

    name = "multiplication"
    claim = "Cells with gates learn to multiply over lengths at which a plain RNN does not."
    solved_at = 0.9
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "20,40", "seed": "0,1", "train.steps": 1500, "train.lr": 0.01,
             "probe.every": 150}  # fmt: skip

    @property
    def input_size(self) -> int:
        """The number and its mark."""
        return 2

    @property
    def outputs(self) -> Values:
        return Values(tolerance=TOLERANCE)

    def chance(self, seq_len: int) -> float:
        high, low = 1 / 4 + TOLERANCE, 1 / 4 - TOLERANCE
        return float(high * (1 - np.log(high)) - low * (1 - np.log(low)))

    def chance_loss(self, seq_len: int) -> float:
        return 7 / 144

    def min_seq_len(self) -> int:
        return 3

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        numbers, marks = rng.random((batch_size, seq_len)), np.zeros((batch_size, seq_len))
        half, rows = seq_len // 2, np.arange(batch_size)[:, None]
        places = np.stack([rng.integers(half, size=batch_size), rng.integers(half, seq_len - 1, size=batch_size)], 1)
        marks[rows, places] = 1
        product = numbers[rows, places].prod(axis=1, keepdims=True)
        return Batch(inputs=np.stack([numbers, marks], axis=-1), targets=product, cue=places + 1)

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The row, with its marked numbers in brackets."""
        words = [f"[{number:.2f}]" if mark else f"{number:.2f}" for number, mark in batch.inputs[index]]
        return Sample(" ".join(words), self.outputs.say(batch.targets[index, 0]), self.say(output[0]), words=words)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_does_not(tables, able="cell in ['gru', 'lstm']", unable="cell == 'rnn'")
