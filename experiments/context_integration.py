"""Two noisy signals come side by side, and a context says which of them to go by."""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import solves_where_it_does_not
from harness.experiment import Batch, Classes, Experiment, Sample, Tables, Verdict
from harness.experiment import gettext as _

STRENGTHS = (0.25, 0.5, 1.0)
"""Means of a signal, of either sign."""

WORDS = ("left", "right")
NAMES = ("motion", "colour")


class ContextIntegration(Experiment):
    """Motion or colour, whichever the context names: does it point to the right on average, or to the left?

        motion   0.4 -0.1  0.7  0.3  0        mean 0.25
        colour  -1.3 -0.6 -0.8 -1.2  0        mean -1
        context  motion              .   ->  right: motion's mean is positive

    A signal's mean is one of ±0.25, ±0.5 and ±1, drawn independently of the other's; each step adds Gaussian noise. The
    context is one of two units that is 1 as long as the signals last. The last step is empty, and asks for the answer.
    The sum of both signals is right where they agree, in half of the cases. To such a sum a context can only add a
    preference for one side. So a linear network cannot select.

    Noise leaves some doubt: who goes by the sum of n steps is right with probability Φ(√n · mean / noise), averaged
    over the means; see `ideal`. The last step is always the same: without memory half of the answers are right, and
    the loss is ln 2.

    Source: Mante, Sussillo, Shenoy, Newsome, "Context-dependent computation by recurrent dynamics in prefrontal
    cortex", Nature 503, 2013 (there 100 units in continuous time, 750 ms of signals, and noise with which errors are
    common; a response of ±1 is learned from squared errors). In NeuroGym ContextDecisionMaking.
    """

    name = "context_integration"
    claim = "A GRU goes by the signal that the context names. A linear network cannot select."
    sweep = {"cell": "linear,rnn,gru,lstm", "seq_len": 16, "seed": "0,1", "train.steps": 600, "train.lr": 0.01,
             "probe.every": 60}  # fmt: skip

    noise: float = Field(0.3, ge=0, description="standard deviation of the noise in both signals, at every step")

    @property
    def input_size(self) -> int:
        """Two signals and two units of context."""
        return 4

    @property
    def outputs(self) -> Classes:
        """0: left; 1: right."""
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(2))

    def ideal(self, seq_len: int) -> float:
        """How often somebody is right who goes by the sum of the signal in question."""
        if self.noise == 0:
            return 1.0
        clear = [sqrt(seq_len - 1) * strength / self.noise for strength in STRENGTHS]
        return sum((1 + erf(each / sqrt(2))) / 2 for each in clear) / len(STRENGTHS)

    def min_seq_len(self) -> int:
        return 2

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        means = rng.choice([*STRENGTHS, *(-each for each in STRENGTHS)], size=(batch_size, 2))
        context = rng.integers(2, size=batch_size)
        inputs = np.zeros((batch_size, seq_len, 4))
        inputs[:, :-1, :2] = means[:, None] + rng.normal(0, self.noise, (batch_size, seq_len - 1, 2))
        inputs[:, :-1, 2:] = np.eye(2)[context][:, None]
        answer = np.take_along_axis(means, context[:, None], axis=1) > 0
        cue = np.tile(np.arange(1, seq_len), (batch_size, 1))
        return Batch(inputs, answer.astype(np.int64), cue=cue)

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The context, both signals with the one in question in brackets, and left or right."""
        asked = int(batch.inputs[index, 0, 2:].argmax())
        words = []
        for signals in batch.inputs[index, :-1, :2]:
            said = [f"{each:.1f}" for each in signals]
            said[asked] = f"[{said[asked]}]"
            words.append("/".join(said))
        words.append(".")
        names = {str(place): _(word) for place, word in enumerate(WORDS)}
        expected, said_last = self.outputs.say(batch.targets[index, 0]), self.say(output[0])
        text = f"{_(NAMES[asked])}: {' '.join(words)}"
        return Sample(text, names[expected], names.get(said_last, said_last), words=words)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_does_not(tables, able="cell == 'gru'", unable="cell == 'linear'")
