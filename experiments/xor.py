"""Two bits of a long row are marked: is it one of them alone that is set?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import solves_where_it_does_not
from harness.experiment import Batch, Classes, Experiment, Tables, Verdict


class Xor(Experiment):
    """Two bits of a row of random ones are marked; their exclusive or is asked for at its end.

        bit   0 [1] 1  1  0  0 [0] 1   ->  1        [marked]

    The first mark lies in the first half, the second one in the second, never on the last step. With ``apart`` marks
    are that many steps apart, and the first one is wherever there is room. A token is a bit and whether it is marked.

    The exclusive or of two fair bits says nothing about either of them, and nothing to a sum of what each one
    contributes: no part of the way to the answer is learned before the whole. Half of the answers are right without
    memory, and with that of one bit alone; the loss is ln 2.

    Source: Martens, Sutskever, "Learning recurrent neural networks with Hessian-free optimization", ICML 2011, section
    5 (the XOR problem, after the tasks of Hochreiter, Schmidhuber, "Long short-term memory", 1997; marks in the first
    tenth and in the first half). As a task with a fixed distance of 1 it is Elman's, "Finding structure in time",
    Cognitive Science 14, 1990.
    """

    name = "xor"
    claim = "A gated cell learns the exclusive or of two bits of a row. A linear network does not."
    sweep = {"cell": "linear,rnn,gru,lstm", "seq_len": 10, "seed": "0,1", "train.steps": 1500, "train.lr": 0.01,
             "probe.every": 150}  # fmt: skip

    apart: int | None = Field(None, ge=1, description="how many steps apart the marks are; null: one in each half")

    @property
    def input_size(self) -> int:
        """A bit without a mark, and with one."""
        return 4

    @property
    def outputs(self) -> Classes:
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(2))

    def min_seq_len(self) -> int:
        """Two steps to mark and one at the end."""
        return 3 if self.apart is None else self.apart + 2

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        bits = rng.integers(2, size=(batch_size, seq_len))
        places = self._places(rng, batch_size, seq_len)
        marked = np.take_along_axis(bits, places, axis=1)
        tokens = bits.copy()
        np.put_along_axis(tokens, places, marked + 2, axis=1)
        return Batch(tokens, marked.sum(axis=1, keepdims=True) % 2, cue=places + 1)

    def _places(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> NDArray[np.int64]:
        """The two steps (from 0) that are marked: (B, 2)."""
        if self.apart is not None:
            first = rng.integers(seq_len - 1 - self.apart, size=batch_size)
            return np.stack([first, first + self.apart], axis=1)
        half = seq_len // 2
        return np.stack([rng.integers(half, size=batch_size), rng.integers(half, seq_len - 1, size=batch_size)], axis=1)

    def word(self, token: int) -> str:
        """The bit, in brackets where it is marked."""
        return str(token) if token < 2 else f"[{token - 2}]"

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_does_not(tables, able="cell == 'gru'", unable="cell == 'linear'")
