"""Is the answer still in the state? A linear read-out of it at every step."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.analysis.words import spread
from harness.measure.one_thread import linear_algebra_on_one_thread
from harness.probes.base import Probe

if TYPE_CHECKING:
    import pandas as pd

    from harness.measure.moment import Moment
    from harness.tasks.data import Data
    from harness.tasks.outputs import Outputs

COLUMNS = ["member", "layer", "asked_at", "t", "lag", "measure", "score", "chance", "samples"]

ROOM = 2**24
"""Numbers of kept states (128 MiB in float64) of the members that are read out together."""

MOST_ANSWERS = 8
"""Most answers of a sample that are read out with ``answers=each``, spread evenly."""


class Memory(Probe):
    """Whether the answer is still in the state: how well a linear read-out finds it there, step by step.

    At time steps t all numbers of a layer's state s_t (all of its parts) are given to a linear read-out that is to tell
    the answer: logistic regression where answers are classes or labels, ridge regression where they are values. It is
    trained on some samples and tried on others (cross-validation); all are drawn for it alone, and none is trained on
    by the network. Units are standardised, so that a small trace is found as well as a large one: what counts is how
    far it stands out from the rest. ``score`` is the share of right answers (of labels: the mean over them), or R²,
    the share of the variance that is explained; ``chance`` is what the same samples give who looks at no state: the
    commonest answer, or 0.

    A row per member, layer, answer (``asked_at`` is the mean step at which it is due) and time step t, ``lag`` steps
    before. At a step, samples are read out that have it. Steps are spread evenly; the cue, the step before it, and the
    answer's own are always among them. NaN where states are not finite, or where fewer than two samples per fold have
    such an answer.

    Costs a fit of 5 to 15 ms for every member, layer, answer, step and fold: with the defaults, on 8 classes, 32 units
    and T = 20, 0.35 s per run, 95 times a plain probe of an RNN and 35 times that of an LSTM (CPU time); a larger
    ``probe.every`` and fewer ``steps`` save most. Memory: the states at the chosen steps, 128 MiB at most.

    Source: Alain, Bengio, "Understanding intermediate layers using linear classifier probes", arXiv:1610.01644, 2016.
    """

    name = "memory"

    samples: int = Field(500, ge=20, description="samples to draw for the read-out; each is held out once")
    folds: int = Field(2, ge=2, le=10, description="parts of the samples, each held out while the others are fitted")
    steps: int = Field(12, ge=2, description="time steps to look at, spread evenly over the sequence")
    answers: Literal["last", "first", "each"] = Field(
        "last", description=f"which judged outputs of a sample to read out; each: {MOST_ANSWERS} at most"
    )

    def measure(self, moment: Moment) -> pd.DataFrame:
        import pandas as pd

        from harness.measure.states import states_at

        network, data = moment.network, moment.fresh(self.samples, "memory")
        places = [steps_of(data, member, self.steps) for member in range(len(network.flat))]
        chosen = sorted({step for own in places for step in own})
        width = sum(network.shape.cell.widths(network.shape.hidden_size).values()) * network.shape.num_layers
        size = max(1, ROOM // (self.samples * len(chosen) * width))
        rows: list[tuple[object, ...]] = []
        for start in range(0, len(places), size):
            members = list(range(start, min(start + size, len(places))))
            part = network if len(members) == len(places) else network.only(members)
            for layer, parts in enumerate(states_at(part, data.only(members), chosen), start=1):
                states = np.concatenate([*parts.values()], axis=-1)
                for row, member in enumerate(members):
                    for asked in self._asked(data, member):
                        at = [chosen.index(step) for step in places[member]]
                        there = data.batches[member].ends >= np.array(places[member])[:, None]
                        with linear_algebra_on_one_thread():
                            found = list(self._read(states[row][at], places[member], there, asked))
                        rows += [(member, layer, *each) for each in found]
        return pd.DataFrame(rows, columns=COLUMNS)

    def _asked(self, data: Data, member: int) -> Iterator[tuple[Outputs, NDArray[Any], NDArray[np.int64]]]:
        """What is asked for: its meaning, each sample's target (N, …), and the step at which that is due; 0: none."""
        judged, scored = data.judged[member].cpu().numpy(), np.array(data.scored)
        targets = data.targets[member].cpu().numpy()
        rows = np.arange(len(judged))
        if self.answers == "each":
            for place in map(int, spread(np.flatnonzero(judged.any(axis=0)), MOST_ANSWERS)):
                yield data.meaning, targets[:, place], np.where(judged[:, place], scored[place], 0)
            return
        last = judged.shape[1] - 1 - judged[:, ::-1].argmax(axis=1)
        place = last if self.answers == "last" else judged.argmax(axis=1)
        yield data.meaning, targets[rows, place], np.where(judged[rows, place], scored[place], 0)

    def _read(
        self,
        states: NDArray[np.float64],
        steps: list[int],
        there: NDArray[np.bool_],
        asked: tuple[Outputs, NDArray[Any], NDArray[np.int64]],
    ) -> Iterator[tuple[object, ...]]:
        """A row of the table for each step, from the states (S, N, width) at these steps, which (S, N) samples have."""
        meaning, targets, due = asked
        asked_at = float(due[due > 0].mean()) if (due > 0).any() else np.nan
        fit, measure = (explained, "R2") if meaning.dtype == "f" else (told, "accuracy")
        for step, state, own in zip(steps, states, there, strict=True):
            known = own & (due > 0)
            count = int(known.sum())
            score = chance = np.nan
            if count >= 2 * self.folds and np.isfinite(state[known]).all():
                score, chance = fit(standardised(state[known]), targets[known].reshape(count, -1), self.folds)
            yield asked_at, step, asked_at - step, measure, score, chance, count


def steps_of(data: Data, member: int, count: int) -> list[int]:
    """The time steps to look at of a member: spread evenly, with the cue, the step before it and the answer's."""
    length, cue, answer = data.inputs.shape[1], data.cue[member], data.answer[member]
    wanted = {*spread(range(1, length + 1), count), cue.min() - 1, cue.min(), cue.max(), answer.max()}
    return sorted(int(step) for step in wanted if 1 <= step <= length)


def standardised(states: NDArray[np.float64]) -> NDArray[np.float64]:
    """States (N, width) with mean 0 and variance 1 of every unit, without those that are constant, to rounding."""
    size = np.abs(states).max(axis=0)
    states = states[:, size > 0] / size[size > 0]
    centred = states - states.mean(axis=0)
    spread_out = centred.std(axis=0)
    moving = spread_out > 1e-13
    return centred[:, moving] / spread_out[moving]


def parts_of(samples: int, folds: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For every fold the samples to fit, and those that are held out."""
    fold = np.arange(samples) % folds
    for own in range(folds):
        yield np.flatnonzero(fold != own), np.flatnonzero(fold == own)


def told(states: NDArray[np.float64], targets: NDArray[Any], folds: int) -> tuple[float, float]:
    """Share of classes (N, n) that a logistic regression tells of states (N, width), and of the commonest class."""
    right = common = 0
    for own in targets.T:
        for fitted, held in parts_of(len(own), folds):
            kinds, counts = np.unique(own[fitted], return_counts=True)
            guesses = own[held] == kinds[counts.argmax()]
            common += int(guesses.sum())
            if len(kinds) == 1 or not states.shape[1]:
                right += int(guesses.sum())
            else:
                right += int((_said(states[fitted], own[fitted], states[held]) == own[held]).sum())
    return right / targets.size, common / targets.size


def explained(states: NDArray[np.float64], targets: NDArray[Any], folds: int) -> tuple[float, float]:
    """R² of values (N, n) told by a ridge regression of states (N, width), as a mean over them; by chance it is 0."""
    from sklearn.linear_model import RidgeCV

    missed, spread_out = np.zeros(targets.shape[1]), np.zeros(targets.shape[1])
    for fitted, held in parts_of(len(targets), folds):
        mean = targets[fitted].mean(axis=0)
        said = np.broadcast_to(mean, (len(held), len(mean)))
        if states.shape[1]:
            model = RidgeCV(np.logspace(-4, 4, 9)).fit(states[fitted], targets[fitted] - mean)
            said = mean + model.predict(states[held]).reshape(said.shape)
        missed += np.square(targets[held] - said).sum(axis=0)
        spread_out += np.square(targets[held] - mean).sum(axis=0)
    moving = spread_out > 0
    return float(np.mean(1 - missed[moving] / spread_out[moving])) if moving.any() else np.nan, 0.0


def _said(fitted: NDArray[np.float64], classes: NDArray[Any], held: NDArray[np.float64]) -> NDArray[Any]:
    """The classes that a logistic regression tells of held-out states."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # Where it has come after so many iterations is as good a read-out as any.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(tol=1e-3, max_iter=100).fit(fitted, classes).predict(held)
