"""Three bits are set up or down by rare pulses; what are they now?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.claims import solves_where_it_does_not
from harness.experiment import Batch, Experiment, Labels, Sample, Tables, Verdict

SIGNS = {1: "+", -1: "-", 0: "."}


class FlipFlop(Experiment):
    """Rare pulses set bits up or down; at every step each bit is what its last pulse has made of it.

        pulses  +  .  .  -  .  .  +  .        of bit 1: up (+), down (-), none (.)
                -  .  +  .  .  .  .  -        of bit 2
        answer  1  1  1  0  0  0  1  1        bit 1
                0  0  1  1  1  1  1  0        bit 2

    Inputs are 1, -1 and 0, one per bit. At the first step every bit has a pulse, so that it has a value; later each one
    has a pulse with probability p (``pulses``), up as often as down. An answer is right where all bits are.

    Without memory one knows the bits that have a pulse at this step, and guesses the others. Of n bits all are right
    with probability ((1 + p)/2)^n; at the first step with 1. The loss, binary cross-entropy as a mean over the bits, is
    (1 - p) ln 2, and 0 at the first step.

    Source: Sussillo, Barak, "Opening the black box: low-dimensional dynamics in high-dimensional recurrent neural
    networks", Neural Computation 25(3), 2013, section 4 (three bits, a network of 1000 units in continuous time, whose
    outputs of ±1 are learned by FORCE from squared errors). In steps, 64 of them, and with one fair coin that decides
    whether a bit has a pulse (``pulses=0.5``): the authors' FixedPointFinder (Golub, Sussillo, 2018).
    """

    name = "flip_flop"
    claim = "A nonlinear network holds three bits until they are set anew. A linear one fails."
    sweep = {"cell": "linear,rnn,gru,lstm", "seq_len": 20, "seed": "0,1", "train.steps": 800, "train.lr": 0.01,
             "probe.every": 80}  # fmt: skip

    bits: int = Field(3, ge=1, description="how many bits there are")
    pulses: float = Field(0.1, ge=0, le=1, description="how likely a bit is set at a step")

    @property
    def input_size(self) -> int:
        return self.bits

    @property
    def outputs(self) -> Labels:
        return Labels(self.bits)

    def chance(self, seq_len: int) -> float:
        return (1 + (seq_len - 1) * ((1 + self.pulses) / 2) ** self.bits) / seq_len

    def chance_loss(self, seq_len: int) -> float:
        return (seq_len - 1) / seq_len * (1 - self.pulses) * float(np.log(2))

    def min_seq_len(self) -> int:
        return 2

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        shape = (batch_size, seq_len, self.bits)
        pulsed, up = rng.random(shape) < self.pulses, rng.integers(2, size=shape)
        pulsed[:, 0] = True
        steps = np.arange(seq_len)[:, None]
        last = np.maximum.accumulate(np.where(pulsed, steps, 0), axis=1)
        states = np.take_along_axis(up, last, axis=1)
        return Batch(np.where(pulsed, 2.0 * up - 1, 0.0), states, cue=last[:, -1] + 1)

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The pulses of all bits, step by step, and the bits at the end."""
        words = ["".join(SIGNS[int(pulse)] for pulse in step) for step in batch.inputs[index]]
        said = "".join(map(str, self.outputs.decide(output[-1]))) if np.isfinite(output[-1]).all() else "?"
        return Sample(" ".join(words), "".join(map(str, batch.targets[index, -1])), said, words=words)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        return solves_where_it_does_not(tables, able="cell in ['rnn', 'gru', 'lstm']", unable="cell == 'linear'")
