"""How much of the answers is known from the input of their own step alone: measured, since nobody can derive it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.base.seeds import stream

MOST = 3000
"""Answers from which predictors learn, and on which they are tried: enough for a share to be known to 1 %."""

NEIGHBOURS, TREES, LEAF = 15, 50, 3

PRIOR = 1.0
"""So many answers like all others are added to those that came with a token, of which there may be few."""


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
    """The chance level of data: what predictors without memory learn from training data, tried on the others.

    To a token it is the commonest answer, or the mean. To vectors it is the best of standard predictors: always the
    same answer, a linear one, the nearest neighbours, a forest; another one might be better.

    Args:
        tolerance: up to which distance values are right; None: answers are classes.
    """
    if held_out.inputs.ndim == 1:
        return _of_tokens(training, held_out, tolerance)
    found = _tried(training.some(), held_out.some(), tolerance)
    # What a network learns is what has the least loss: with classes, for which none is known here, the most answers.
    return max(found, key=lambda each: each.accuracy if each.loss is None else -each.loss)


def _of_tokens(training: Pairs, held_out: Pairs, tolerance: float | None) -> Level:
    """The best table from a token to an answer."""
    tokens = int(max(training.inputs.max(), held_out.inputs.max())) + 1
    if tolerance is None:
        classes = int(max(training.targets.max(), held_out.targets.max())) + 1
        whole = (np.bincount(training.targets, minlength=classes) + PRIOR) / (len(training) + PRIOR * classes)
        table = np.tile(PRIOR * whole, (tokens, 1))
        np.add.at(table, (training.inputs, training.targets), 1)
        shares = (table / table.sum(axis=1, keepdims=True))[held_out.inputs]
        told = shares[np.arange(len(held_out)), held_out.targets]
        right = shares.argmax(axis=1) == held_out.targets
        return Level(float(right.mean()), float(-np.log(told).mean()))
    sums = np.tile(PRIOR * training.targets.mean(axis=0), (tokens, 1))
    np.add.at(sums, training.inputs, training.targets)
    means = sums / (PRIOR + np.bincount(training.inputs, minlength=tokens)[:, None])
    return _of_values(means[held_out.inputs], held_out.targets, tolerance)


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
