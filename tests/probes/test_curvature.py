"""Curvature against the whole Hessian of tiny networks, by finite differences of the engine's gradient and in full."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from harness.measure.curvature import Curvature as Hessian
from harness.measure.curvature import ends, mean_loss
from harness.probes import Moment
from harness.probes.curvature import Curvature
from tests.helpers.moments import moment


def measured(given: Moment, **options: int) -> pd.DataFrame:
    with torch.no_grad():
        return Curvature(**options).measure(given)


def whole_hessian(given: Moment, member: int) -> np.ndarray:
    """Of an rnn with tokens, its loss written out."""
    tokens, targets = given.data.inputs[member], given.data.targets[member, :, 0]
    shapes = {name: value.shape[1:] for name, value in given.network.weights.items()}

    def loss(row: Tensor) -> Tensor:
        pieces = row.split([shape.numel() for shape in shapes.values()])
        w = {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}
        h = torch.zeros(tokens.shape[1], shapes["layer1.recurrent"][0], dtype=torch.float64)
        for step in tokens:
            h = torch.tanh(w["layer1.input"][step] + h @ w["layer1.recurrent"] + w["layer1.bias"])
        return torch.nn.functional.cross_entropy(h @ w["readout.weight"] + w["readout.bias"], targets)

    with torch.enable_grad():
        return torch.autograd.functional.hessian(loss, given.network.flat[member]).numpy()


def test_eigenvalues_and_curvature_are_those_of_the_whole_hessian() -> None:
    given = moment("rnn", hidden_size=2, samples=5, seed=[0, 1])
    found = measured(given, iterations=60)
    flat = torch.zeros_like(given.network.flat)
    given.network.gradients(given.data.inputs, given.data.scored, given.data.loss, flat)
    for row in found.itertuples():
        hessian, gradient = whole_hessian(given, row.member), flat[row.member].numpy() / 5
        values = np.linalg.eigvalsh(hessian)
        assert (row.largest, row.smallest) == pytest.approx((values[-1], values[0]), rel=1e-8)
        assert row.error < 1e-6
        assert row.gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-10)
        along = gradient @ hessian @ gradient / (gradient @ gradient)
        assert row.along_gradient == pytest.approx(along, rel=1e-8)


def test_few_iterations_say_how_far_off_they_are() -> None:
    given = moment("rnn", hidden_size=2, samples=5)
    truth = np.linalg.eigvalsh(whole_hessian(given, 0))
    for iterations in (1, 3, 6):
        row = measured(given, iterations=iterations).iloc[0]
        assert row.largest <= truth[-1] + 1e-12
        assert np.abs(truth - row.largest).min() <= row.error + 1e-12


@pytest.mark.parametrize(
    ("cell", "experiment", "layers", "block"),
    [("lstm", "dyck", 2, "plain"), ("lru", "recall_dish", 1, "residual"), ("cayley_rnn", "copy", 1, "plain"),
     ("xlstm_m", "adding", 1, "plain"), ("gru", "sine_to_cosine", 1, "plain")],
)  # fmt: skip
@torch.no_grad()
def test_loss_gradient_and_products_are_those_of_the_engine(
    cell: str, experiment: str, layers: int, block: str
) -> None:
    given = moment(cell, experiment=experiment, num_layers=layers, block=block, seed=[0, 1])
    network, data, start = given.network, given.data, given.start
    hessian = Hessian(network, data, start)
    vector = torch.from_numpy(np.random.default_rng(0).normal(size=network.flat.shape)) * hessian.trained

    def gradient(shift: float) -> tuple[Tensor, Tensor]:
        moved = type(network)(network.shape, network.flat + shift * vector, compiled=False)
        flat = torch.zeros_like(network.flat)
        losses, _ = moved.gradients(data.inputs, data.scored, data.loss, flat, start=start)
        return losses.mean(dim=1), flat / losses.shape[1]

    losses, here = gradient(0.0)
    torch.testing.assert_close(mean_loss(network, network.flat, data, start), losses, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(hessian.gradient, here, rtol=1e-9, atol=1e-12)
    difference = (gradient(1e-5)[1] - gradient(-1e-5)[1]) / 2e-5
    found = hessian.times(vector)
    torch.testing.assert_close(found, difference, rtol=1e-4, atol=1e-5 * found.abs().max().item())


def test_of_a_quadratic_loss_nothing_beyond_its_directions_is_made_up() -> None:
    """Zeros answered rightly by zeros: only the readout's bias bends the squared error, by 2; all else is flat."""
    given = moment("feedforward", experiment="adding", hidden_size=3, samples=4)
    given.network.flat.zero_()
    given.data.targets.zero_()
    row = measured(given, iterations=50).iloc[0]
    assert row.largest == pytest.approx(2.0)
    assert row.error == pytest.approx(0, abs=1e-9)


def test_weights_that_are_not_trained_have_no_part() -> None:
    given = moment("echo_state")
    hessian = Hessian(given.network, given.data, None)
    fixed = hessian.trained == 0
    assert 0 < fixed.sum() < len(fixed)
    assert (hessian.gradient[:, fixed] == 0).all()
    assert (hessian.times(torch.ones_like(hessian.gradient))[:, fixed] == 0).all()
    assert ends(hessian, 1000).error.item() < 1e-6


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_of_weights_that_are_no_numbers_it_is_none_and_others_are_not_touched(value: float) -> None:
    given, alone = moment("gru", seed=[0, 1]), moment("gru", seed=[0, 1])
    given.network.flat[0].fill_(value)
    found, other = measured(given), measured(alone)
    assert found.drop(columns="member").iloc[0].isna().all()
    np.testing.assert_allclose(
        found.iloc[1][["largest", "along_gradient"]], other.iloc[1][["largest", "along_gradient"]]
    )
