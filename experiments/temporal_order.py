"""X before Y, or Y before X? A few symbols far apart in noise, and their order is the answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import compare
from harness.experiment import Batch, Classes, Experiment, Sample, Tables, Verdict

LETTERS = "abcdXYEB"
NOISE, X, START, END = 4, 4, 6, 7  # a to d; Y follows X
FIRST_PLACE = {2: (0.10, 0.50), 3: (0.10, 0.33, 0.66)}


class TemporalOrder(Experiment):
    """X and Y stand at two or three places in a row of noise; at the end, which came in which order?

        E a [X] c d b a [Y] b d c a B   ->   XY       one of XX, XY, YX, YY

    The row begins with E and ends with B, the other steps are one of a, b, c, d each. Of T steps, the first symbol
    stands at one from T/10 to 2T/10, and the second at one from T/2 to T/2 + T/10; of three symbols, the second
    stands within T/10 from 0.33 T, the third within T/10 from 0.66 T. All symbols are independent, so that nothing but
    all of them tells the class. Without memory the last step looks always the same: one class of 4, or of 8, is as
    likely as any other, which makes a loss of ln 4 or ln 8.

    Source: Hochreiter, Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, experiments 6a (two
    symbols) and 6b (three). At seq_len=100 places and symbols are theirs; there lengths vary from 100 to 110, and
    the network trains sample by sample.
    """

    name = "temporal_order"
    claim = "Most LSTMs tell the order of two symbols at a length at which a plain RNN has to guess."
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "30,60", "seed": "0,1,2,3,4,5,6,7", "train.steps": 1000,
             "train.lr": 0.01, "probe.every": 100}  # fmt: skip

    symbols: int = Field(2, ge=2, le=3, description="how many symbols' order is asked for, 2 or 3")

    @property
    def input_size(self) -> int:
        return len(LETTERS)

    @property
    def outputs(self) -> Classes:
        return Classes(2**self.symbols)

    def chance(self, seq_len: int) -> float:
        return 1 / 2**self.symbols

    def chance_loss(self, seq_len: int) -> float:
        return self.symbols * float(np.log(2))

    def min_seq_len(self) -> int:
        """From here on the first symbol comes after E."""
        return 20

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        first = [int(share * seq_len) for share in FIRST_PLACE[self.symbols]]
        places = first + rng.integers(seq_len // 10 + 1, size=(batch_size, self.symbols))
        symbols = rng.integers(2, size=(batch_size, self.symbols))
        row = rng.integers(NOISE, size=(batch_size, seq_len))
        row[:, 0], row[:, -1] = START, END
        row[np.arange(batch_size)[:, None], places - 1] = X + symbols
        answer = symbols @ (2 ** np.arange(self.symbols)[::-1])
        return Batch(row, answer[:, None], cue=places)

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The row in letters, and the order that was told."""
        told = self._order(int(output[0].argmax())) if np.isfinite(output).all() else "?"
        words = [LETTERS[token] for token in batch.inputs[index]]
        return Sample(" ".join(words), self._order(int(batch.targets[index, 0])), told, words=words)

    def _order(self, answer: int) -> str:
        return "".join("XY"[int(digit)] for digit in f"{answer:0{self.symbols}b}")

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return compare(
            tables, "cell == 'lstm'", "cell == 'rnn'",
            lambda lstm, rnn: lstm.solved > 0.5 and rnn.solved == 0 and rnn.guesses() and lstm.beats(rnn),
        )  # fmt: skip
