"""Say every second bit of a row, and then the others."""

from __future__ import annotations

import numpy as np

from ._chomsky import TRAINING, Rearranged, Tokens


class OddsFirst(Rearranged):
    """Of a row of n bits, counted from 0, those at odd places are said, and then those at even ones.

        0 0 1 1 0 1 0 1 _ _ _ _ _ _ _ _
                        0 1 1 1 0 1 0 0

    The answer has n symbols (``seq_len`` 2 n).

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code. Their
    description counts places from 1, and so says the other half first; their code counts from 0, and so does this.
    """

    name = "odds_first"
    claim = "A plain RNN and an LSTM learn to take short strings apart, and not long ones."
    sweep = {"cell": "rnn,lstm", "seq_len": "8,30", **TRAINING}
    level = "context-sensitive"

    def rearranged(self, read: Tokens) -> Tokens:
        return np.concatenate([read[:, 1::2], read[:, ::2]], axis=1)
