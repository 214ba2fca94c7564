"""Can one bit be held against noise?"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from harness.analysis import together
from harness.claims import compare
from harness.experiment import Batch, Classes, Experiment, Tables, Verdict
from harness.experiment import gettext as _


class Latch(Experiment):
    """The first few inputs say which of two classes a sequence has; noise follows, and the class is asked for.

        t      1    2    3    4     5      6
        input  1.1  0.8  1.2  0.3  -0.1   -0.2   ->  1
        input -0.9 -1.0 -0.7  0.1   0.3   -0.4   ->  0

    The first ``length`` inputs are +1 or -1, by the class, with noise; the others are noise alone. The latter
    are independent of the class, so that without memory half of the answers are right, and the loss is ln 2.

    Source: Bengio, Simard, Frasconi, "Learning long-term dependencies with gradient descent is difficult", IEEE Trans.
    Neural Networks 5(2), 1994, the minimal task, which they try for many initial recurrent weights, noises and lengths.
    There one tanh unit learns the first inputs' levels, which have no noise, and its recurrent weight, and its sign is
    the answer; here levels are fixed, learned weights scale them, units are many, and a readout is trained by
    cross-entropy. The initial recurrent weight is `weight_scale`.
    """

    name = "latch"
    claim = (
        "Most plain RNNs learn to hold one bit if their recurrent weights start at full scale. From half scale the "
        "gradient vanishes, and most do not learn it."
    )
    sweep = {"cell": "rnn,gru,lstm", "seq_len": "20,60", "weight_scale": "0.5,1", "seed": "0,1", "train.steps": 600,
             "train.lr": 0.003, "probe.every": 60}  # fmt: skip

    length: int = Field(3, ge=1, description="how many inputs at the start tell the class")
    noise: float = Field(0.2, ge=0, description="standard deviation of the noise in all inputs")

    @property
    def input_size(self) -> int:
        return 1

    @property
    def outputs(self) -> Classes:
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(2))

    def min_seq_len(self) -> int:
        return self.length + 1

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        bit = rng.integers(2, size=(batch_size, 1))
        inputs = rng.normal(0, self.noise, (batch_size, seq_len))
        inputs[:, : self.length] += 2 * bit - 1
        return Batch(inputs[..., None], bit, cue=np.tile(np.arange(1, self.length + 1), (batch_size, 1)))

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        rnn = "cell == 'rnn' and weight_scale"
        verdict = compare(
            tables, f"{rnn} == 1", f"{rnn} <= 0.5",
            lambda full, half: full.solved > 0.5 > half.solved and full.beats(half),
        )  # fmt: skip
        order = _("Full scale first, then half scale or less.")
        return verdict and Verdict(verdict.holds, together([order, verdict.numbers]))
