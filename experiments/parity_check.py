"""Is the number of ones odd?"""

from __future__ import annotations

import numpy as np

from ._chomsky import TRAINING, ChomskyTask, Strings


class ParityCheck(ChomskyTask):
    """Whether the number of ones in a row of bits is odd, asked once, a step after the last bit.

        1 0 1 0 1 0 0 _  ->  1
        0 1 1 1 1 _  ->  0

    The experiment `parity` asks the same at the last bit itself, and can ask at every step besides; this is the form
    that the source compares with its other fourteen tasks: after n bits an empty token asks (``seq_len`` n + 1). Half
    of all rows are odd.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code.
    """

    name = "parity_check"
    claim = "Asked once, a plain RNN and an LSTM learn the parity of two bits, and not that of a long row."
    sweep = {"cell": "rnn,lstm", "seq_len": "3,20", **TRAINING}
    level = "regular"

    def strings(self, rng: np.random.Generator, batch_size: int, length: int) -> Strings:
        bits = rng.integers(2, size=(batch_size, length))
        return Strings(bits, bits.sum(axis=1, keepdims=True) % 2)
