"""Say a row of bits twice."""

from __future__ import annotations

import numpy as np

from ._chomsky import TRAINING, Rearranged, Tokens


class DuplicateString(Rearranged):
    """A row of n bits is read, and said twice.

        1 0 1 _ _ _ _ _ _
              1 0 1 1 0 1

    The answer has 2 n symbols (``seq_len`` 3 n). Each of the second round is due 2 n steps after it was read.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code.
    """

    name = "duplicate_string"
    claim = "A plain RNN and an LSTM learn to say short strings twice, and not long ones."
    sweep = {"cell": "rnn,lstm", "seq_len": "9,75", **TRAINING}
    level = "context-sensitive"

    def answer_length(self, length: int) -> int:
        return 2 * length

    def rearranged(self, read: Tokens) -> Tokens:
        return np.concatenate([read, read], axis=1)
