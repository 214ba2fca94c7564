"""Say the symbols of a row in order."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from harness.claims import solves_where_it_does_not
from harness.experiment import Tables, Verdict

from ._chomsky import TRAINING, Rearranged, Tokens


class BucketSort(Rearranged):
    """The symbols of a row of n digits below five are said in increasing order.

        1 0 2 0 4 1 1 2 _ _ _ _ _ _ _ _
                        0 0 1 1 1 2 2 4

    The answer has n symbols (``seq_len`` 2 n). What has to be remembered is how often each digit came, not where.

    Without memory, and so without knowing how far the answer has come, each digit is as likely as any other.

    Source: Delétang et al., "Neural networks and the Chomsky hierarchy", ICLR 2023, and the authors' code.
    """

    name = "bucket_sort"
    claim = "An LSTM learns to sort strings of a length at which a plain RNN does not."
    sweep = {"cell": "rnn,lstm", "seq_len": "30", **TRAINING}
    level = "context-sensitive"

    n_symbols: int = Field(5, ge=2, le=10, description="how many different symbols there are, 2 to 10")

    def rearranged(self, read: Tokens) -> Tokens:
        return np.sort(read, axis=1)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_does_not(tables, able="cell == 'lstm'", unable="cell == 'rnn'")
