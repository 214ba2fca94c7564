"""Say a row of bits twice."""

from __future__ import annotations

import numpy as np

from harness.claims import solves_where_it_does_not
from harness.experiment import Tables, Verdict

from ._chomsky import TRAINING, Rearranged, Tokens


class DuplicateString(Rearranged):
    """A row of n bits is read, and said twice.

        1 0 1 _ _ _ _ _ _
              1 0 1 1 0 1

    The answer has 2 n symbols (``seq_len`` 3 n). Each of the second round is due 2 n steps after it was read.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code.
    """

    name = "duplicate_string"
    claim = "A plain RNN learns to say strings twice of a length at which an LSTM does not."
    sweep = {"cell": "rnn,lstm", "seq_len": "75", **TRAINING}
    level = "context-sensitive"

    def answer_length(self, length: int) -> int:
        return 2 * length

    def rearranged(self, read: Tokens) -> Tokens:
        return np.concatenate([read, read], axis=1)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_does_not(tables, able="cell == 'rnn'", unable="cell == 'lstm'")
