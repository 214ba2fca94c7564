"""A direction is shown, then nothing, then a direction again: is it the same one?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import solves_where_it_does_not
from harness.experiment import Batch, Classes, Experiment, Sample, Tables, Verdict
from harness.experiment import gettext as _

WORDS = ("another", "the same")


class DelayedMatch(Experiment):
    """Delayed match to sample: a sample is shown, a delay follows, a test is shown: does it match?

        sample  sample  .  .  .  .  .  .  test  test  ->  the same, or another direction      10 steps, ``shown=2``

    A direction θ is one of ``directions`` on a circle. As many units are tuned to them: the one that prefers θ_i is at
    (1 + cos(θ - θ_i))/2 while θ is shown, and at 0 in the delay, with Gaussian noise at every step. Half of the tests
    match; the others show any other direction.

    The test's direction is uniform whether it matches or not, and noise is independent of it. So the last step tells
    nothing by itself: without memory half of the answers are right, and the loss is ln 2.

    Source: Miller, Erickson, Desimone, "Neural mechanisms of visual working memory in prefrontal cortex of the
    macaque", Journal of Neuroscience 16(16), 1996; for networks Yang et al., "Task representations in neural networks
    trained to perform many cognitive tasks", Nature Neuroscience 22, 2019 (DMS). Tuning is that of NeuroGym's
    DelayMatchSample, where there are two directions, the delay is 1 s and a decision follows of 0.9 s. Here the answer
    is due at the test's last step.
    """

    name = "delayed_match"
    claim = "An LSTM compares two directions over a delay. A linear network does not."
    sweep = {"cell": "linear,rnn,gru,lstm", "seq_len": 12, "seed": "0,1", "hidden_size": 64, "train.steps": 1000,
             "train.lr": 0.01, "probe.every": 100}  # fmt: skip

    directions: int = Field(4, ge=2, description="how many different directions there are")
    shown: int = Field(2, ge=1, description="how many steps sample and test are shown, each")
    noise: float = Field(0.1, ge=0, description="standard deviation of the noise in all inputs")

    @property
    def input_size(self) -> int:
        return self.directions

    @property
    def outputs(self) -> Classes:
        """0: another direction; 1: the same."""
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 1 / 2

    def chance_loss(self, seq_len: int) -> float:
        return float(np.log(2))

    def min_seq_len(self) -> int:
        return 2 * self.shown

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        match, first = rng.integers(2, size=batch_size), rng.integers(self.directions, size=batch_size)
        other = rng.integers(1, self.directions, size=batch_size)
        second = (first + np.where(match, 0, other)) % self.directions
        inputs = rng.normal(0, self.noise, (batch_size, seq_len, self.directions))
        inputs[:, : self.shown] += self._tuned(first)[:, None]
        inputs[:, -self.shown :] += self._tuned(second)[:, None]
        return Batch(inputs, match[:, None], cue=np.tile(np.arange(1, self.shown + 1), (batch_size, 1)))

    def _tuned(self, direction: NDArray[np.int64]) -> NDArray[np.float64]:
        """What each unit says of directions (B,): (B, directions)."""
        apart = direction[:, None] - np.arange(self.directions)
        tuned: NDArray[np.float64] = (1 + np.cos(2 * np.pi / self.directions * apart)) / 2
        return tuned

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The directions that were shown, in degrees, as the strongest unit of each step says."""
        degrees = batch.inputs[index].argmax(axis=1) * 360 / self.directions
        steps = np.arange(batch.length)
        visible = (steps < self.shown) | (steps >= batch.length - self.shown)
        words = [f"{angle:g}°" if seen else "." for angle, seen in zip(degrees, visible, strict=True)]
        names = {str(place): _(word) for place, word in enumerate(WORDS)}
        expected, said = self.outputs.say(batch.targets[index, 0]), self.say(output[0])
        return Sample(" ".join(words), names[expected], names.get(said, said), words=words)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_does_not(tables, able="cell == 'lstm'", unable="cell == 'linear'")
