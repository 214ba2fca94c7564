"""What was said a few steps ago?"""

import numpy as np
from pydantic import Field

from harness.claims import solves_where_it_guesses
from harness.experiment import Batch, Classes, Experiment, Tables, Verdict


class Echo(Experiment):
    """At every step the symbol from ``delay`` steps before is asked for.

    symbols  3 1 0 2 2 1
    answers  . . 3 1 0 2      with a delay of 2

    What comes back is drawn independently of what is heard, so that without memory one in ``symbols`` is right.
    """

    name = "echo"
    claim = "Gated cells echo over delays over which a plain RNN does not."
    sweep = {"cell": "rnn,gru", "seq_len": "30", "experiment.delay": 8, "train.steps": 600, "train.lr": 0.01}

    symbols: int = Field(4, ge=2, description="how many different symbols there are")
    delay: int = Field(2, ge=1, description="how many steps later a symbol comes back")

    @property
    def input_size(self) -> int:
        return self.symbols

    @property
    def outputs(self) -> Classes:
        return Classes(self.symbols)

    def chance(self, seq_len: int) -> float:
        return 1 / self.symbols

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(self.symbols))

    def min_seq_len(self) -> int:
        return self.delay + 1

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        heard = rng.integers(self.symbols, size=(batch_size, seq_len))
        return Batch(heard, targets=heard[:, : -self.delay])

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_guesses(tables, able="cell == 'gru'", unable="cell == 'rnn'")
