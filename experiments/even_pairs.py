"""Are there as many changes from 0 to 1 as from 1 to 0?"""

from __future__ import annotations

import numpy as np

from ._chomsky import TRAINING, ChomskyTask, Strings


class EvenPairs(ChomskyTask):
    """Whether the number of pairs 01 and 10 in a row of bits is even, which is whether it begins and ends alike.

        0 0 1 1 1 0 _  ->  0      one 01 and one 10
        0 1 0 1 0 0 1 _  ->  1    three 01 and two 10

    The first bit is all there is to remember. After n bits an empty token asks (``seq_len`` n + 1). Rows of one bit
    have no pair, and are left out here. Half of all other rows begin and end alike.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code.
    """

    name = "even_pairs"
    claim = "An LSTM learns whether short rows begin and end alike, and not whether long ones do."
    sweep = {"cell": "rnn,lstm", "seq_len": "6,41", **TRAINING}
    level = "regular"
    learners = "cell == 'lstm'"
    shortest = 2

    def strings(self, rng: np.random.Generator, batch_size: int, length: int) -> Strings:
        bits = rng.integers(2, size=(batch_size, length))
        return Strings(bits, (bits[:, :-1] != bits[:, 1:]).sum(axis=1, keepdims=True) % 2)
