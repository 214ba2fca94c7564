"""A row of bits comes twice, with a gap: which bit is missing?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.claims import solves_where_it_does_not
from harness.experiment import Tables, Verdict

from ._chomsky import TRAINING, ChomskyTask, Strings

GAP, PADDING = 2, 3


class MissingDuplicate(ChomskyTask):
    """A row of bits is read twice over, but for one bit: that bit is asked for.

        0 1 1 0 0 ? 1 0 _  ->  1
        1 0 1 1 ? 1 - _    ->  0      an odd length ends with a symbol that means nothing

    The gap is equally likely anywhere in the 2 (n // 2) places of both rows. After n symbols an empty token asks
    (``seq_len`` n + 1). The cue is the same bit in the other row.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code (there
    `missing_duplicate_string`). There strings of one symbol are all the same, and left out here.
    """

    name = "missing_duplicate"
    claim = "An LSTM finds the missing bit of strings of a length at which a plain RNN does not."
    sweep = {"cell": "rnn,lstm", "seq_len": "21", **TRAINING}
    level = "context-sensitive"
    shortest = 2

    @property
    def symbols(self) -> Sequence[str]:
        return "01?-"

    @property
    def answer_symbols(self) -> Sequence[str]:
        return "01"

    def strings(self, rng: np.random.Generator, batch_size: int, length: int) -> Strings:
        half, rows = length // 2, np.arange(batch_size)
        bits = rng.integers(2, size=(batch_size, half))
        gap = rng.integers(2 * half, size=batch_size)
        read = np.concatenate([bits, bits, np.full((batch_size, length % 2), PADDING)], axis=1)
        read[rows, gap] = GAP
        return Strings(read, bits[rows, gap % half][:, None], cue=(gap[:, None] + half) % (2 * half) + 1)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_does_not(tables, able="cell == 'lstm'", unable="cell == 'rnn'")
