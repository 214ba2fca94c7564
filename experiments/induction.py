"""The last token was there before: what followed it then?"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from harness.claims import solves_where_it_does_not
from harness.experiment import Batch, Classes, Experiment, Tables, Verdict


class Induction(Experiment):
    """A row of tokens ends with one that occurred before; the token that followed it last time is asked for.

        0 marks what to remember:  7 3 0 5 2 8 4 0   ->  5
        with ``any_token``:        7 3 4 5 2 8 1 4   ->  5

    As published token 0 stands once in the row and once at its end, so that one has to remember a single token. With
    ``any_token`` the last token is any, and nothing tells before that it will be the one: each token's successor
    has to be known, the later one where it occurs again.

    The answer is independent of the last token but for being another one: a memoryless predictor is right once in
    ``tokens`` - 1, and loses ln(``tokens`` - 1).

    ``protocol=safari`` is the task as the code of the source (Safari) draws and trains it: one of the ``tokens`` never
    occurs, so that there are ``tokens`` - 2 answers, the first token 0 stands three steps or more before the last one,
    and the next token is learned at every step, though all but the last two of a row can only be guessed. The answer
    alone is judged. Its 30 steps are counted without the last token: ``seq_len=31``.

    Source: Fu et al., "Hungry hungry hippos: towards language modeling with state space models", ICLR 2023, section 3.1
    and table 1 (20 tokens, 30 steps); their code trains on a fixed set of rows. What attention heads do with it, and
    ``any_token``: Olsson et al., "In-context learning and induction heads", 2022.
    """

    name = "induction"
    claim = (
        "Gated cells learn what followed the one token that is known to come back. They do not learn what followed "
        "each of them."
    )
    defaults = {"seq_len": 30}
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "10,30", "experiment.any_token": "false,true", "seed": "0,1",
             "hidden_size": 64, "train.steps": 1000, "train.lr": 0.01, "probe.every": 100}  # fmt: skip

    tokens: int = Field(20, ge=3, description="how many different tokens there are")
    protocol: Literal["answer", "safari"] = Field(
        "answer", description="what is learned: the answer alone, or every next token as in Safari's code"
    )
    any_token: bool = Field(False, description="whether any token may come back at the end, or token 0 alone")

    @property
    def input_size(self) -> int:
        return self.tokens

    @property
    def outputs(self) -> Classes:
        return Classes(self.tokens)

    @field_validator("any_token")
    @classmethod
    def _not_in_safari(cls, any_token: bool, others: ValidationInfo) -> bool:
        if any_token and others.data.get("protocol") == "safari":
            raise ValueError("there token 0 alone comes back; valid: false with experiment.protocol=safari")
        return any_token

    @property
    def _answers(self) -> int:
        """How many tokens the answer may be."""
        return self.tokens - (2 if self.protocol == "safari" else 1)

    def chance(self, seq_len: int) -> float:
        return 1 / self._answers

    def chance_loss(self, seq_len: int) -> float:
        """That of the answer; in Safari's protocol the mean over all steps.

        There two steps have token 0, whose successor may be any. Of the others one or two come right before a token 0,
        two unless the row begins with it, which nothing tells.
        """
        guess = float(np.log(self._answers))
        if self.protocol == "answer":
            return guess
        others = seq_len - 2
        before = (2 - 1 / (seq_len - 3)) / others
        surprise = -before * np.log(before) - (1 - before) * np.log((1 - before) / self._answers)
        return float(2 * guess + others * surprise) / seq_len

    def min_seq_len(self) -> int:
        """The token, its successor, and the token again."""
        return 4 if self.protocol == "safari" else 3

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return (
            self._safari(rng, batch_size, seq_len) if self.protocol == "safari" else self._row(rng, batch_size, seq_len)
        )

    def _safari(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        rows = np.arange(batch_size)
        row = rng.integers(1, self.tokens - 1, size=(batch_size, seq_len + 1))
        place = rng.integers(seq_len - 3, size=batch_size)
        row[rows, place] = row[:, -2] = 0
        row[:, -1] = row[rows, place + 1]
        last = np.tile(np.arange(1, seq_len + 1) == seq_len, (batch_size, 1))
        return Batch(row[:, :-1], row[:, 1:], judged=last, cue=np.stack([place + 1, place + 2], axis=1))

    def _row(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        rows, steps = np.arange(batch_size), np.arange(seq_len)
        asked = rng.integers(self.tokens, size=batch_size) * self.any_token
        place = rng.integers(seq_len - 2, size=batch_size)
        # Tokens other than the one asked for, which may stand before its last place only if any may.
        row = (asked[:, None] + rng.integers(1, self.tokens, size=(batch_size, seq_len))) % self.tokens
        if self.any_token:
            row = np.where(steps < place[:, None], rng.integers(self.tokens, size=row.shape), row)
        row[rows, place] = row[:, -1] = asked
        return Batch(row, row[rows, place + 1][:, None], cue=np.stack([place + 1, place + 2], axis=1))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        gated = tables.runs[tables.runs.cell.isin(["gru", "lstm"])]
        named = gated.assign(cell=gated["experiment.any_token"].map({False: "token 0", True: "any token"}))
        return solves_where_it_does_not(
            Tables({**tables, "runs": named}), able="cell == 'token 0'", unable="cell == 'any token'"
        )
