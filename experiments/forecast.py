"""The beginning of a trajectory is seen; how does it go on?"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.analysis import finished, together
from harness.claims import kinds
from harness.experiment import Batch, Experiment, Sample, Tables, Values, Verdict
from harness.experiment import gettext as _

Vectors = NDArray[np.float64]
Move = Callable[[Vectors], Vectors]

TOLERANCE = 0.25
TRAJECTORIES, LONGEST = 256, 200
SETTLING = 150
"""Steps after which a trajectory has come to the attractor."""
SUBSTEPS = 10
STEP = {"lorenz": 0.1, "pendulum": 0.3}
"""Units of time from one step to the next."""
MIRROR = {"lorenz": np.array([-1.0, -1.0, 1.0]), "pendulum": np.array([1.0, -1.0, -1.0])}
"""Signs by which a trajectory becomes another one."""


class Forecast(Experiment):
    """The state of a moving system is seen for some steps; the network goes on by itself, without any input.

        x       0.31  0.52  0.88  .     .     .         each step has three numbers
        answer  .     .     .     1.26  1.41  0.97      with ``seen=3`` and 6 steps

    ``lorenz`` is chaotic: dx/dt = 10 (y - x), dy/dt = x (28 - z) - y, dz/dt = x y - 8/3 z; a step is 0.1 units of time.
    Neighbouring trajectories part by a factor e^0.0906 a step, their largest Lyapunov exponent of 0.906 times 0.1. A
    network that goes on with them has to do the same, and what neighbouring states do on the way forth the gradient
    does on the way back: if it is learned well, the gradient must explode. ``pendulum`` is regular: d²θ/dt² = -sin θ,
    of which cos θ, sin θ and dθ/dt are seen; a step is 0.3 units. There neighbours part in proportion to time at most.

    Integrated by Runge and Kutta's method of fourth order, ten substeps a step; every number is then standardised. A
    sample is any piece of one of 256 trajectories of 200 steps on the attractor, or its mirror image, in which x and y
    (θ and dθ/dt) have the other sign; half of the trajectories are held out. An answer is right where no number is off
    by more than 0.25, in standard deviations.

    Without memory nothing tells the state: the best answer is the mean. Its squared error is the variance, that is 1,
    but for the difference between the trajectories that are held out and the others. It is right as often as those come
    that near to it (2.5 % of the time with Lorenz, never with the pendulum).

    Source: Mikhaeil, Monfared, Durstewitz, "On the difficulty of learning chaotic dynamics with RNNs", NeurIPS 2022,
    theorem 2 and section 4.2 (there trained by sparsely forced BPTT, of which ``seen`` is the simplest form); the
    system is that of Lorenz, "Deterministic nonperiodic flow", J. Atmos. Sci. 20, 1963, its exponent that of Sprott,
    "Chaos and time-series analysis", 2003.
    """

    name = "forecast"
    claim = (
        "In a GRU that has learned chaos the gradient grows on its way back, more than in one that has learned a "
        "pendulum. Before training it shrinks in both."
    )
    sweep = {"cell": "gru", "seq_len": 40, "experiment.system": "lorenz,pendulum", "seed": "0,1", "hidden_size": 48,
             "train.steps": 1000, "train.lr": 0.01, "probe.every": 100}  # fmt: skip

    system: Literal["lorenz", "pendulum"] = Field("lorenz", description="what moves: chaotic, or regular")
    seen: int = Field(8, ge=1, lt=LONGEST, description="how many steps of a trajectory are seen")

    @property
    def input_size(self) -> int:
        return 3

    @property
    def outputs(self) -> Values:
        return Values(tolerance=TOLERANCE, n=3)

    def chance(self, seq_len: int) -> float:
        return float((np.abs(trajectories(self.system)[1::2]) <= TOLERANCE).all(axis=-1).mean())

    def chance_loss(self, seq_len: int) -> float:
        return float((trajectories(self.system)[1::2] ** 2).mean())

    def min_seq_len(self) -> int:
        return self.seen + 1

    def refuses(self, seq_len: int) -> str | None:
        return None if self.seen < seq_len <= LONGEST else f"{self.min_seq_len()} to {LONGEST}"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        return self._cut(rng, batch_size, seq_len, trajectories(self.system)[::2])

    def held_out(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        """Pieces of trajectories of which training sees none."""
        return self._cut(rng, batch_size, seq_len, trajectories(self.system)[1::2])

    def _cut(self, rng: np.random.Generator, batch_size: int, seq_len: int, paths: Vectors) -> Batch:
        which, mirrored = rng.integers(len(paths), size=(batch_size, 1)), rng.integers(2, size=(batch_size, 1, 1))
        start = rng.integers(LONGEST - seq_len + 1, size=(batch_size, 1))
        piece = paths[which, start + np.arange(seq_len)] * np.where(mirrored, MIRROR[self.system], 1.0)
        inputs = piece.copy()
        inputs[:, self.seen :] = 0
        return Batch(inputs, piece[:, self.seen :], cue=np.full(batch_size, self.seen))

    def show(self, batch: Batch, index: int, output: NDArray[np.float64]) -> Sample:
        """The first of the three numbers: as it was seen, how it goes on, and how the network does."""
        words = [f"{step[0]:.2f}" if place < self.seen else "." for place, step in enumerate(batch.inputs[index])]
        expected, said = (" ".join(f"{step[0]:.2f}" for step in steps) for steps in (batch.targets[index], output))
        return Sample(" ".join(words), expected, said, words=words)

    @classmethod
    def bears_out(cls, tables: Tables) -> Verdict | None:
        runs = finished(tables.runs)
        runs = runs[(runs.cell == "gru") & (runs.loss < 1 / 2)]  # of networks that go on with it at all
        system = "`experiment.system` =="
        found = kinds(Tables({**tables, "runs": runs}), f"{system} 'lorenz'", f"{system} 'pendulum'")
        if found is None:
            return None
        chaos, regular = (each.runs for each in found)
        before = runs[runs["experiment.system"].isin(["lorenz", "pendulum"])].grad_ratio_init
        holds = chaos.grad_ratio.min() > max(1, regular.grad_ratio.max()) and before.max() < 1
        numbers = [
            _("Gradient at the last step seen, relative to the end, in medians."),
            _("Lorenz: {after}. Pendulum: {other}. Before training: {before}.").format(
                after=f"{chaos.grad_ratio.median():.3g}", other=f"{regular.grad_ratio.median():.3g}",
                before=f"{before.median():.3g}",
            ),
        ]  # fmt: skip
        return Verdict(bool(holds), together(numbers))


@cache
def trajectories(system: str) -> Vectors:
    """States of the system, standardised over trajectories and their mirror images: (trajectories, steps, 3)."""
    path = states(system)
    path = path - np.where(MIRROR[system] > 0, path.mean((0, 1)), 0)
    standardised: Vectors = path / np.sqrt((path**2).mean((0, 1)))
    return standardised


@cache
def states(system: str) -> Vectors:
    """States of the system on its attractor, as the equations have them: (trajectories, steps, 3)."""
    rng, substep = np.random.default_rng(0), STEP[system] / SUBSTEPS
    if system == "lorenz":
        move, state = lorenz, rng.normal([0, 0, 25], 1, (TRAJECTORIES, 3))
    else:
        move, state = pendulum, rng.uniform([-np.pi / 2, -1], [np.pi / 2, 1], (TRAJECTORIES, 2))
    found = []
    for step in range(SETTLING + LONGEST):
        for _substep in range(SUBSTEPS):
            state = runge_kutta(move, state, substep)
        if step >= SETTLING:
            found.append(state)
    path = np.stack(found, axis=1)
    if system == "pendulum":
        path = np.stack([np.cos(path[..., 0]), np.sin(path[..., 0]), path[..., 1]], axis=-1)
    return path


def lorenz(state: Vectors) -> Vectors:
    """The derivative of states (…, 3) in time."""
    x, y, z = np.moveaxis(state, -1, 0)
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], axis=-1)


def pendulum(state: Vectors) -> Vectors:
    """The derivative of angles and speeds (…, 2) in time."""
    return np.stack([state[..., 1], -np.sin(state[..., 0])], axis=-1)


def runge_kutta(move: Move, state: Vectors, time: float) -> Vectors:
    """States a little later, by the classical method of fourth order."""
    one = move(state)
    two = move(state + time / 2 * one)
    three = move(state + time / 2 * two)
    four = move(state + time * three)
    return state + time / 6 * (one + 2 * two + 2 * three + four)
