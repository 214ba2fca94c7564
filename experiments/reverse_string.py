"""Say a row of bits backwards."""

from __future__ import annotations

from ._chomsky import TRAINING, Rearranged, Tokens


class ReverseString(Rearranged):
    """A row of n bits is read, and said backwards.

        0 1 1 0 1 0 _ _ _ _ _ _
                    0 1 0 1 1 0

    The answer has n symbols (``seq_len`` 2 n). The first bit is the last one said: that is the longest way for the
    gradient. `reverse_name` is the same with more symbols, and may feed the answers back.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code.
    """

    name = "reverse_string"
    claim = "A plain RNN and an LSTM learn to say short strings backwards, and not long ones."
    sweep = {"cell": "rnn,lstm", "seq_len": "8,60", **TRAINING}
    level = "context-free"

    def rearranged(self, read: Tokens) -> Tokens:
        return read[:, ::-1]
