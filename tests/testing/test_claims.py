"""The results on which claims are tried: alike in all runs, in every table of which a claim may read."""

from __future__ import annotations

import numpy as np
import pytest

from harness.testing._claims import worlds
from tests.helpers.made_tables import made_tables

TABLES = made_tables(cells=("rnn", "lstm"), lengths=(8,), scales=(1.0,), seeds=(0,))


@pytest.mark.parametrize("after", ["", "_init"])
@pytest.mark.parametrize(("words", "factor"), [("vanishes", 0.5), ("stays as it is", 1.0), ("explodes", 2.0)])
@pytest.mark.parametrize(("outcome", "right"), [("guess", 0.125), ("solve the task", 1.0)])
def test_all_runs_are_alike_in_every_table(outcome: str, right: float, words: str, factor: float, after: str) -> None:
    found = dict(worlds(TABLES))[f"all runs {outcome} and the gradient {words}"]
    runs = found.runs
    assert set(runs.accuracy) == set(found.curves.accuracy) == {right}
    assert set(runs.solved) == {right == 1}
    assert runs[f"decay_rate{after}"].tolist() == pytest.approx([np.log(factor)] * 2, abs=1e-12)
    assert runs[f"grad_ratio{after}"].tolist() == pytest.approx([factor**19] * 2)
    assert set(runs[f"verdict{after}"]) == {{0.5: "vanishing", 1.0: "stable", 2.0: "exploding"}[factor]}
    for rows in (found.gradients, found.transport):
        assert rows.grad_norm.tolist() == pytest.approx([factor**lag for lag in rows.lag])
    assert found.transport.log_ratio.tolist() == pytest.approx([lag * np.log(factor) for lag in found.transport.lag])


def test_there_are_six_of_them() -> None:
    assert len(list(worlds(TABLES))) == 6
