"""Is this symbol the one of n steps ago?"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from harness.claims import solves_where_it_does_not
from harness.experiment import Batch, Classes, Experiment, Tables, Verdict


class NBack(Experiment):
    """At every step: is this symbol the same as the one n steps before?

        symbol  3 1 3 3 1 2 1 2
        answer  . . 1 0 0 0 1 1      with ``back=2``

    Every step holds an own memory of n symbols, all of which move on by one at each step. A symbol is with probability
    1/2 the one of n steps ago, else any other of the ``symbols``; the first n are any. So every symbol is as likely as
    another whatever the answer is: without memory half of the answers are right, and the loss is ln 2. The same is true
    of the earlier symbol, so that no sum of what either of them contributes tells the answer. Answers count from step
    n + 1 on.

    Source: Kirchner, "Age differences in short-term retention of rapidly changing information", Journal of Experimental
    Psychology 55(4), 1958; as a test of working memory Owen, McMillan, Laird, Bullmore, "N-back working memory
    paradigm: a meta-analysis of normative functional neuroimaging studies", Human Brain Mapping 25, 2005. There one in
    three or four is a match.
    """

    name = "n_back"
    claim = "A GRU tells whether a symbol is the last one again. A linear network cannot compare."
    sweep = {"cell": "linear,rnn,gru,lstm", "seq_len": 20, "experiment.back": "1,2,4", "seed": "0,1",
             "train.steps": 600, "train.lr": 0.01, "probe.every": 60}  # fmt: skip

    symbols: int = Field(4, ge=2, description="how many different symbols there are")
    back: int = Field(2, ge=1, description="how many steps before the symbol to compare with stands")

    @property
    def input_size(self) -> int:
        return self.symbols

    @property
    def outputs(self) -> Classes:
        """0: another one; 1: the same."""
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(2))

    def min_seq_len(self) -> int:
        return self.back + 1

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        row = rng.integers(self.symbols, size=(batch_size, seq_len))
        same = rng.integers(2, size=(batch_size, seq_len - self.back))
        apart = np.where(same, 0, rng.integers(1, self.symbols, size=same.shape))
        for step in range(self.back, seq_len):
            row[:, step] = (row[:, step - self.back] + apart[:, step - self.back]) % self.symbols
        return Batch(row, same, cue=np.full(batch_size, seq_len - self.back))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        once = "`experiment.back` == 1"
        return solves_where_it_does_not(tables, able=f"cell == 'gru' and {once}", unable=f"cell == 'linear' and {once}")
