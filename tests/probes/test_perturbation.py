"""Disturbances followed forward: as the Jacobian has it where they are small, as the cell's own steps where not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from harness.cells.base import State, Weights
from harness.cells.classic.rnn import RNN
from harness.engine.network import Network
from harness.engine.weights import Architecture
from harness.measure.disturbing import followed, predicted
from harness.measure.layer_step import LayerStep
from harness.probes import Moment
from harness.probes.perturbation import Perturbation
from tests.helpers.moments import later_state, moment, state_at


def measured(given: Moment, **options: Any) -> pd.DataFrame:
    with torch.no_grad():
        return Perturbation(**options).measure(given)


@pytest.mark.parametrize(
    ("cell", "experiment", "layers"),
    [("lstm", "dyck", 2), ("lru", "recall_dish", 1), ("feedforward", "recall_dish", 1)],
)
@torch.no_grad()
def test_states_and_predictions_are_those_of_the_cells_steps_and_of_autograd(
    cell: str, experiment: str, layers: int
) -> None:
    given = moment(cell, experiment=experiment, num_layers=layers, seed=[0, 1], seq_len=12)
    for layer in range(1, layers + 1):
        size = given.layer_step(layer).size
        moves = torch.from_numpy(np.random.default_rng(0).normal(size=(2, size)))
        lags = [1, 3]
        for lag, linear in zip(lags, predicted(given, layer, lags, moves), strict=True):
            differences, _ = followed(given, layer, lag, moves)
            for member, sample in [(0, 0), (1, 2)]:
                end = int(given.answer[member, sample])
                if end <= lag:
                    continue
                place = (layer, member, sample, end - lag, end)
                state = state_at(given, layer, member, sample, end - lag)
                base = later_state(given, *place, state)
                jacobian = torch.autograd.functional.jacobian(
                    lambda each, own=place: later_state(given, *own, each), state
                )
                for row, move in enumerate(moves):
                    moved = later_state(given, *place, state + move)
                    torch.testing.assert_close(differences[member, row, sample], moved - base, rtol=1e-9, atol=1e-12)
                    tangent = jacobian @ move
                    torch.testing.assert_close(linear[member, row, sample], tangent, rtol=1e-9, atol=1e-12)


def test_growth_tends_to_the_jacobian_as_the_move_shrinks() -> None:
    found = measured(moment("gru", seed=[0, 1]), epsilon=[1e-1, 1e-2, 1e-3], lags=3)
    by_size = found.pivot(index=["member", "lag"], columns="epsilon", values="deviation")
    # The first error is quadratic in the move: a tenth of the move has a tenth of the deviation.
    assert by_size[1e-3].to_numpy() == pytest.approx(by_size[1e-2].to_numpy() / 10, rel=0.1)
    small = found[found.epsilon == 1e-3]
    assert small.growth.to_numpy() == pytest.approx(small.linear.to_numpy(), rel=1e-3)


def test_of_a_linear_network_every_move_grows_as_the_weight_says() -> None:
    found = measured(moment("linear", weight_scale=0.5, num_layers=2), epsilon=[1e-3, 10.0], samples=2)
    np.testing.assert_allclose(found.growth, 0.5**found.lag, rtol=1e-9)
    np.testing.assert_allclose(found.linear, 0.5**found.lag, rtol=1e-12)
    assert found.deviation.max() < 1e-9


def test_a_saturated_unit_takes_no_notice_of_a_push_that_its_slope_would_multiply() -> None:
    """h' = tanh(3 h) from 0: pushed by 1 it is 0.995, by 1e-6 it is 3e-6."""
    given = moment("rnn", hidden_size=1, init="identity", weight_scale=3.0)
    given.network.weights["layer1.input"].fill_(0)
    found = measured(given, epsilon=[1e-6, 1.0], lags=100).query("lag == 1").set_index("epsilon")
    assert found.growth[1e-6] == pytest.approx(3)
    assert found.growth[1.0] == pytest.approx(np.tanh(3.0))
    assert found.deviation[1.0] == pytest.approx(1 - np.tanh(3.0) / 3)


def test_what_is_smaller_than_rounding_lies_below_the_floor() -> None:
    found = measured(moment("rnn", weight_scale=1e-3, seq_len=20))
    lost = found[found.linear < found.floor]
    assert len(lost)
    assert (lost.growth < 4 * lost.floor).all()
    assert found.linear.min() == pytest.approx(1e-57, rel=0.5)


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_of_weights_that_are_no_numbers_nothing_is_known(value: float) -> None:
    given = moment("lstm", num_layers=2)
    given.network.flat.fill_(value)
    assert measured(given)[["growth", "deviation"]].isna().all(axis=None)


class Signs(RNN):
    """A state of signs: autograd knows how it came about, and that nothing comes back through it."""

    name = "signs"

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": torch.sign(super().step(w, x, s)["h"])}


def test_a_step_whose_slope_is_0_lets_no_direction_through() -> None:
    shape = Architecture(Signs(), 2, 3, 1, 1)
    size = sum(math.prod(each.shape) for each in shape.parameters().values())
    step = LayerStep(Network(shape, torch.ones(1, size)), 1)
    x, before = torch.ones(1, 4, 2), torch.zeros(1, 4, 3)
    assert torch.equal(step(x, before), torch.ones(1, 4, 3))
    assert torch.equal(step.pushed(x, before, torch.ones(1, 4, 3)), torch.zeros(1, 4, 3))
