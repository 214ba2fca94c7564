"""Bits come in one by one: is the number of ones so far odd?"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from harness.claims import solves_where_it_guesses
from harness.experiment import Batch, Classes, Tables, VariedLengths, Verdict
from harness.experiment import gettext as _


class Parity(VariedLengths):
    """Whether the number of ones in a row of random bits is odd.

        bit      1  0  1  1  0  1
        running  1  1  0  1  1  0     <- what is learned from with ``running``
        final                   0     <- what is asked, in either case

    One wrong step spoils every answer after it, and each bit matters as much as any other: no part of the row says
    anything about the answer. Accuracy is that of the last answer. With ``running`` the loss counts the
    answer of every step, so that short rows are learned on the way to the long one; without, the last alone.

    The parity of two or more fair bits says nothing about the last of them: without memory one guesses, right in
    half of all cases, with a loss of ln 2. In the running form the first of T answers is its bit, so that the
    best memoryless guess is the bit itself, right with probability q = (T + 1) / (2 T) over all steps; its loss is
    the entropy of q.

    Source: Minsky, Papert, "Perceptrons", 1969; as a task for recurrent networks Hochreiter, Schmidhuber, "LSTM can
    solve hard long time lag problems", NIPS 1996 (there rows of ±1, 500 to 600 steps, solved by guessing weights);
    why gradients hardly tell one parity from another: Shalev-Shwartz, Shamir, Shammah, "Failures of gradient-based
    deep learning", ICML 2017, section 2 (there the parity of an unknown part of the bits).
    """

    name = "parity"
    claim = "Asked at every step, parity is learned at lengths at which a question at the end alone teaches nothing."
    level = "regular"
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "5,20", "experiment.running": "true,false", "seed": "0,1",
             "train.steps": 1500, "train.lr": 0.01, "probe.every": 150}  # fmt: skip

    running: bool = Field(True, description="whether to learn from the answer at every step, or at the last alone")

    @property
    def input_size(self) -> int:
        return 2

    @property
    def outputs(self) -> Classes:
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def chance_loss(self, seq_len: int) -> float:
        lengths = self.lengths(seq_len)
        q = np.mean((lengths + 1) / (2 * lengths)) if self.running else 1 / 2
        return float(-q * np.log(q) - (1 - q) * np.log(1 - q))

    def min_seq_len(self) -> int:
        return 2

    def rows(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        bits = rng.integers(2, size=(batch_size, seq_len))
        parities = bits.cumsum(axis=1) % 2
        if not self.running:
            return Batch(bits, parities[:, -1:])
        return Batch(bits, parities, judged=np.tile(np.arange(1, seq_len + 1) == seq_len, (batch_size, 1)))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        often, once = _("asked at every step"), _("asked at the end")
        asked = tables.runs["experiment.running"].map({True: often, False: once})
        named = Tables({**tables, "runs": tables.runs.assign(cell=asked)})
        return solves_where_it_guesses(named, able=f"cell == {often!r}", unable=f"cell == {once!r}")
