"""Ten symbols, a long silence, a signal: say the ten symbols again."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from harness.claims import Kind, compare
from harness.experiment import Batch, Classes, Tables, VariedLengths, Verdict


class Copy(VariedLengths):
    """Symbols from the start are to be repeated after a long silence; until then the answer is "nothing".

        3 1 7 . . . . . * . .    tokens: symbols, blanks (.), a marker (*), blanks
        . . . . . . . . 3 1 7    answers, with 3 symbols and 11 steps

    As published, a row of T blanks between 10 symbols out of 8 and 10 answers makes T + 20 steps, which is what
    ``seq_len`` counts here. The first T + 10 answers are blank. Every step's answer counts in the loss; accuracy is
    about the symbols alone, since blanks are no memory.

    Without memory one can be silent until the marker, and then guess: the loss is 10 · ln 8 / (T + 20), the share
    of right symbols 1/8. (The predictor that reaches this loss sees how far the row has come; the first
    answer comes with the marker, the other nine look like blanks: a network that sees one input alone cannot tell
    those from the silence, so that this loss bounds its loss from below.)

    Source: Arjovsky, Shah, Bengio, "Unitary evolution recurrent neural networks", ICML 2016, section 4.1, after
    Hochreiter, Schmidhuber, "Long short-term memory", 1997. In Arjovsky's code the marker comes a step sooner, in the
    place of the last of the T blanks, and the first answer a step after it; answers are due at the same steps.
    """

    name = "copy"
    claim = "Repeating symbols after a silence is harder for a plain RNN than for gated cells."
    exact_chance = False  # silence is the safer answer for a network that cannot tell when it is asked
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "20,30", "seed": "0,1", "experiment.length": 5, "train.steps": 1500,
             "train.lr": 0.01, "probe.every": 150, "hidden_size": 64}  # fmt: skip

    symbols: int = Field(8, ge=2, description="how many different symbols there are")
    length: int = Field(10, ge=1, description="how many symbols are to be copied")

    @property
    def input_size(self) -> int:
        """The symbols, the blank, the marker."""
        return self.symbols + 2

    @property
    def outputs(self) -> Classes:
        """The symbols and the blank."""
        return Classes(self.symbols + 1)

    def chance(self, seq_len: int) -> float:
        return 1 / self.symbols

    def chance_loss(self, seq_len: int) -> float:
        return float(np.mean(self.length * np.log(self.symbols) / self.lengths(seq_len)))

    def min_seq_len(self) -> int:
        return 2 * self.length

    def rows(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        blank, marker = self.symbols, self.symbols + 1
        symbols = rng.integers(self.symbols, size=(batch_size, self.length))
        inputs, targets = np.full((2, batch_size, seq_len), blank)
        inputs[:, : self.length] = symbols
        inputs[:, -self.length] = marker
        targets[:, -self.length :] = symbols
        cue = np.tile(np.arange(1, self.length + 1), (batch_size, 1))
        return Batch(inputs, targets, judged=targets != blank, cue=cue)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        """At some length every gated run is right more often than any plain one, and each gated cell surely so."""
        return compare(
            tables, "cell in ['gru', 'lstm']", "cell == 'rnn'",
            lambda gated, plain: all(Kind(own, gated.tries).beats(plain) for _, own in gated.runs.groupby("cell"))
            and gated.runs.accuracy.min() > plain.runs.accuracy.max(),
        )  # fmt: skip
