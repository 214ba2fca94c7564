"""One frequency is felt, then, after a delay, another one: which was higher?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import compare
from harness.experiment import Batch, Classes, Experiment, Sample, Tables, Verdict
from harness.experiment import gettext as _

PAIRS = ((10, 18), (14, 22), (18, 26), (22, 30), (26, 34))
"""The lower and the higher frequency, in Hz; either may come first."""

MIDDLE, HALF_RANGE = 22, 12

BY_THE_SECOND = 0.7
"""How often who has forgotten the first frequency is right."""

MARGIN = 0.1
"""By how much less or more."""

WORDS = ("the second", "the first")


class FrequencyComparison(Experiment):
    """Parametric working memory: was the first frequency higher than the second?

        input   26  .  .  .  .  .  18  .   ->  the first        in Hz; at the last step the answer is asked for

    A frequency f comes in as a rate, (f - 22)/12, from -1 to 1; a second unit is 1 while one is felt. Every step adds
    Gaussian noise to the rate. The two differ by 8 Hz: (10, 18), (14, 22), (18, 26), (22, 30) or (26, 34), in either
    order. The last step is always the same: without memory half of the answers are right, and the loss is ln 2.

    Who has forgotten the first frequency is still right in 7 of 10 cases: after a second one of 10 or 14 Hz the first
    was higher, after 30 or 34 the second, and after 18, 22 and 26 one in two is right. So only what lies above 70 % has
    been held over the delay.

    Source: Romo, Brody, Hernández, Lemus, "Neuronal correlates of parametric working memory in the prefrontal cortex",
    Nature 399, 1999 (a delay of 3 s); for networks Miller, Brody, Romo, Wang, "A recurrent network model of
    somatosensory parametric working memory in the prefrontal cortex", Cerebral Cortex 13, 2003. Pairs are those of
    NeuroGym's DelayComparison.
    """

    name = "frequency_comparison"
    claim = (
        "An LSTM holds the first frequency over a delay after which a GRU has forgotten it. The GRU goes by the second "
        "one alone."
    )
    sweep = {"cell": "rnn,gru,lstm", "seq_len": 40, "seed": "0,1", "train.steps": 600, "train.lr": 0.01,
             "probe.every": 60}  # fmt: skip

    noise: float = Field(0.05, ge=0, description="standard deviation of the noise in the rate, at every step")

    @property
    def input_size(self) -> int:
        """The rate, and whether there is one."""
        return 2

    @property
    def outputs(self) -> Classes:
        """0: the second was higher; 1: the first."""
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(2))

    def min_seq_len(self) -> int:
        return 3

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        pair, first_higher = rng.integers(len(PAIRS), size=batch_size), rng.integers(2, size=batch_size)
        felt = np.array(PAIRS)[pair]
        felt = np.where(first_higher[:, None], felt[:, ::-1], felt)
        inputs = np.zeros((batch_size, seq_len, 2))
        inputs[..., 0] = rng.normal(0, self.noise, (batch_size, seq_len))
        inputs[:, [0, -2], 0] += (felt - MIDDLE) / HALF_RANGE
        inputs[:, [0, -2], 1] = 1
        inputs[:, -1] = 0
        return Batch(inputs, first_higher[:, None], cue=np.tile([1, seq_len - 1], (batch_size, 1)))

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """Both frequencies in Hz, as they were felt, and which was higher."""
        words = [f"{rate * HALF_RANGE + MIDDLE:.0f}" if felt else "." for rate, felt in batch.inputs[index]]
        names = {str(place): _(word) for place, word in enumerate(WORDS)}
        expected, said = self.outputs.say(batch.targets[index, 0]), self.say(output[0])
        return Sample(" ".join(words), names[expected], names.get(said, said), words=words)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return compare(
            tables, "cell == 'lstm'", "cell == 'gru'",
            lambda lstm, gru: lstm.solved == 1 and lstm.beats(gru)
            and bool((gru.runs.accuracy - BY_THE_SECOND).abs().max() < MARGIN),
        )  # fmt: skip
