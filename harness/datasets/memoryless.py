"""How much of the answers is known from the input of their own step alone: measured, since nobody can derive it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.base.seeds import stream

COUNTED = 20
"""So often must an input come on average, that what it says of the answer is counted rather than learned."""

MOST = 5000
"""Answers from which predictors learn, and on which they are tried: enough for a share to be known to 1 %."""

NEIGHBOURS, TREES, LEAF = 15, 50, 3


@dataclass(frozen=True)
class Pairs:
    """Answers, and the input of the step at which each of them is asked for.

    Attributes:
        inputs: tokens (n,) or vectors (n, F).
        targets: classes (n,), whole numbers, or values (n, k).
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.inputs)

    def some(self) -> Pairs:
        """At most `MOST` of them, always the same."""
        if len(self) <= MOST:
            return self
        chosen = stream(0, "memoryless").choice(len(self), MOST, replace=False)
        return Pairs(self.inputs[chosen], self.targets[chosen])


@dataclass(frozen=True)
class Level:
    """What the best predictor without memory gets to.

    Attributes:
        accuracy: share of right answers; of values, those within the tolerance.
        loss: cross entropy (nats) or squared error; None where only accuracies can be compared.
    """

    accuracy: float
    loss: float | None


def level(training: Pairs, held_out: Pairs, tolerance: float | None) -> Level:
    """The chance level of data.

    Where inputs come again and again, as tokens do or a blank, what each says of the answer is counted among the
    held-out answers themselves: no predictor without memory does better there. Other inputs are hardly the same twice:
    then it is the best of standard predictors (always the same answer, a linear one, the nearest neighbours, a forest)
    that learn from training data and are tried on the others; another one might be better.

    Args:
        tolerance: up to which distance values are right; None: answers are classes.
    """
    if held_out.inputs.ndim == 1:
        seen = held_out.inputs
    else:
        _, seen = np.unique(held_out.inputs, axis=0, return_inverse=True)
    if held_out.inputs.ndim == 1 or COUNTED * (seen.max() + 1) <= len(seen):
        return _counted(seen.ravel(), held_out.targets, tolerance)
    found = [*_tried(training.some(), held_out.some(), tolerance)]
    # What a network learns is what has the least loss: with classes, for which none is known here, the most answers.
    return max(found, key=lambda each: each.accuracy if each.loss is None else -each.loss)


def _counted(seen: NDArray[np.int64], targets: NDArray[Any], tolerance: float | None) -> Level:
    """The best answer to each input, among these answers themselves."""
    _, seen = np.unique(seen, return_inverse=True)
    each = np.bincount(seen)
    if tolerance is not None:
        means = np.stack([np.bincount(seen, column) / each for column in targets.T], axis=1)
        return _of_values(means[seen], targets, tolerance)
    pairs, counts = np.unique(np.stack([seen, targets]), axis=1, return_counts=True)
    best = np.zeros(len(each), dtype=np.int64)
    np.maximum.at(best, pairs[0], counts)
    entropy = -(counts * np.log(counts / each[pairs[0]])).sum() / len(seen)
    return Level(float(best.sum() / len(seen)), float(entropy))


def _of_values(said: NDArray[Any], targets: NDArray[Any], tolerance: float) -> Level:
    errors = said.reshape(targets.shape) - targets
    return Level(float((np.abs(errors) <= tolerance).all(axis=1).mean()), float((errors**2).mean()))


def _tried(training: Pairs, held_out: Pairs, tolerance: float | None) -> Iterator[Level]:
    """Predictors that have learned from training data, on the others."""
    if tolerance is None:
        for model in _classifiers():
            said = model.fit(training.inputs, training.targets).predict(held_out.inputs)
            yield Level(float((said == held_out.targets).mean()), None)
        return
    wanted = training.targets[:, 0] if training.targets.shape[1] == 1 else training.targets
    for model in _regressors():
        yield _of_values(model.fit(training.inputs, wanted).predict(held_out.inputs), held_out.targets, tolerance)


def _classifiers() -> Iterator[Any]:
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    yield DummyClassifier()
    yield make_pipeline(StandardScaler(), KNeighborsClassifier(NEIGHBOURS))
    yield make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    yield RandomForestClassifier(TREES, min_samples_leaf=LEAF, random_state=0)


def _regressors() -> Iterator[Any]:
    from sklearn.dummy import DummyRegressor
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    yield DummyRegressor()
    yield make_pipeline(StandardScaler(), KNeighborsRegressor(NEIGHBOURS))
    yield make_pipeline(StandardScaler(), Ridge())
    yield RandomForestRegressor(TREES, min_samples_leaf=LEAF, random_state=0)
