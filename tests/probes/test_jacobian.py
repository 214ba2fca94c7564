"""The singular values of d s_T / d s_t against closed forms and plain autograd."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from harness.measure import layer_step
from harness.measure.products import LongProduct
from harness.probes import Moment
from harness.probes.jacobian import Jacobian
from tests.helpers.moments import later_state, moment, state_at


def measured(given: Moment, **options: int) -> pd.DataFrame:
    with torch.no_grad():
        return Jacobian(**options).measure(given)


@pytest.mark.parametrize("scale", [1.0, 1e-7])
def test_of_an_orthogonal_linear_network_all_are_the_scale_to_the_lag(scale: float) -> None:
    found = measured(moment("linear", seq_len=70, weight_scale=scale, seed=[0, 1]))
    np.testing.assert_allclose(found.log10_value, found.lag * np.log10(scale), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.log10_condition, 0, atol=1e-10)
    assert sorted(found.lag.unique())[::23] == [1, 69]
    assert scale == 1 or found.log10_value.min() < -480


def test_of_a_normal_matrix_they_are_powers_of_its_eigenvalues_beyond_what_doubles_hold() -> None:
    given = moment("linear", seq_len=200)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    sizes = np.array([10.0, 1.0, 0.99, 1e-3])
    given.network.weights["layer1.recurrent"].copy_(torch.from_numpy(turn * sizes @ turn.T))
    found = measured(given, lags=6)
    truth = found.lag * np.log10(sizes)[found["rank"] - 1]
    np.testing.assert_allclose(found.log10_value, truth, rtol=1e-10, atol=1e-10)
    assert (found.log10_value.min(), found.log10_value.max()) == pytest.approx((-597, 199))


def test_of_a_sheared_matrix_they_are_those_of_the_power_written_out() -> None:
    """W = [[1, 1], [0, 1]] / 2: W^n = [[1, n], [0, 1]] / 2^n, with the values (√(n² + 4) ± n) / 2^(n + 1)."""
    given = moment("linear", seq_len=50, hidden_size=2)
    given.network.weights["layer1.recurrent"].copy_(torch.tensor([[0.5, 0.5], [0.0, 0.5]]))
    found = measured(given, lags=49)
    n = found.lag.to_numpy(dtype=float)
    large = (np.sqrt(n**2 + 4) + n) / 2 ** (n + 1)
    truth = np.where(found["rank"] == 1, np.log10(large), -2 * n * np.log10(2) - np.log10(large))
    np.testing.assert_allclose(found.log10_value, truth, rtol=1e-12)


@pytest.mark.parametrize(
    ("cell", "experiment", "layers"),
    [("lstm", "recall_dish", 1), ("gru", "copy", 2), ("lstm", "dyck", 2), ("lru", "recall_dish", 1)],
)
def test_values_and_directions_are_those_of_autograd(cell: str, experiment: str, layers: int) -> None:
    length = {} if experiment == "copy" else {"seq_len": 12}
    given = moment(cell, experiment=experiment, num_layers=layers, seed=[2, 3], **length)
    found = measured(given, samples=1, keep=100)
    for (member, layer, sample, t), rows in found.groupby(["member", "layer", "sample", "t"]):
        answer = int(given.answer[member, sample])
        assert (rows.lag == answer - t).all()
        jacobian = torch.autograd.functional.jacobian(
            lambda state, own=(layer, member, sample, t, answer): later_state(given, *own, state),
            state_at(given, layer, member, sample, t),
        )
        values = torch.linalg.svdvals(jacobian)
        kept = 10 ** rows.sort_values("rank").log10_value.to_numpy()
        np.testing.assert_allclose(kept, values.numpy(), rtol=1e-7, atol=1e-13)


def test_alignment_is_that_with_the_gradient_of_the_answer() -> None:
    """Of one unit-wide answer there is one direction; of a top layer the gradient is Jᵀ g."""
    given = moment("lstm", seq_len=9)
    found = measured(given, samples=1, keep=100).sort_values("rank")
    with torch.enable_grad():
        state = state_at(given, 1, 0, 0, 9).clone().requires_grad_()
        said = state[:4] @ given.network.weights["readout.weight"][0] + given.network.weights["readout.bias"][0]
        loss = torch.nn.functional.cross_entropy(said[None], given.data.targets[0, :1, 0])
        (at_end,) = torch.autograd.grad(loss, state)
    for t, rows in found.groupby("t"):
        jacobian = torch.autograd.functional.jacobian(
            lambda state, t=t: later_state(given, 1, 0, 0, t, 9, state), state_at(given, 1, 0, 0, t)
        )
        left, _, right = torch.linalg.svd(jacobian)
        gradient = jacobian.T @ at_end
        for rank in (0, 1):
            row = rows.iloc[rank]
            assert row.right == pytest.approx(abs(right[rank] @ gradient / gradient.norm()).item(), rel=1e-6)
            assert row.left == pytest.approx(abs(left[:, rank] @ at_end / at_end.norm()).item(), rel=1e-6)


def test_directions_are_known_where_the_gradient_is_smaller_than_any_number() -> None:
    """Beside a member whose gradient stays as it is."""
    given = moment("linear", seq_len=400, hidden_size=1, init="identity", seed=[0, 1])
    given.network.weights["layer1.recurrent"][1] = 1e-3
    found = measured(given)
    assert found.groupby("member").log10_value.min().tolist() == pytest.approx([0, -3 * 399], abs=1e-9)
    assert (found[["right", "left"]] == 1).all(axis=None)


def test_a_unit_that_lets_nothing_through_does_not_hide_how_small_the_others_are() -> None:
    given = moment("linear", weight_scale=1e-3, seq_len=400, hidden_size=2, init="identity")
    given.network.weights["layer1.recurrent"][:, 1, 1] = 0
    largest = measured(given).query("rank == 1")
    np.testing.assert_allclose(largest.log10_value, -3 * largest.lag)
    np.testing.assert_allclose(largest.right, 1)


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_what_is_not_finite_is_said_to_be_no_number(cell: str, value: float) -> None:
    given = moment(cell, num_layers=2)
    given.network.flat.fill_(value)
    assert measured(given)[["log10_value", "log10_condition", "right", "left"]].isna().all(axis=None)


def test_without_recurrence_every_value_is_zero() -> None:
    found = measured(moment("feedforward", num_layers=2))
    assert (found.log10_value == -np.inf).all()
    assert found.right.isna().all()


def test_a_product_keeps_values_that_are_exactly_zero_apart() -> None:
    product = LongProduct(torch.zeros(2, 3, 3))
    for _ in range(400):
        product.multiply(torch.diag(torch.tensor([1e3, 0.0, 1e-3])).expand(2, 3, 3))
    logs, left, right = product.svd()
    np.testing.assert_allclose(logs[:, :2] / np.log(10), [[1200, -1200]] * 2)
    assert (logs[:, 2] == -np.inf).all()
    np.testing.assert_allclose(np.abs(left), np.abs(right))


def test_the_largest_and_the_smallest_are_kept() -> None:
    given = moment("linear", hidden_size=5)
    sizes = [5.0, 4.0, 3.0, 2.0, 1.0]
    given.network.weights["layer1.recurrent"].copy_(torch.diag(torch.tensor(sizes)))
    found = measured(given, lags=1, samples=1, keep=2)
    assert found["rank"].tolist() == [1, 2, 4, 5]
    np.testing.assert_allclose(10**found.log10_value, [5, 4, 2, 1])


@torch.no_grad()
def test_steps_that_are_taken_piece_by_piece_have_their_own_jacobians(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tanh: the weight times the slope of each unit."""
    given = moment("rnn", seed=[0, 1])
    step, w = given.layer_step(1), given.network.layer(1)["recurrent"]
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 5, given.inputs(1).shape[-1], generator=generator, dtype=torch.float64)
    before = torch.randn(2, 5, 4, generator=generator, dtype=torch.float64)
    monkeypatch.setattr(layer_step, "ROOM", 2 * 2 * 4 * 4)  # two pairs of every member
    expected = (1 - step(x, before).square())[..., None] * w.mT[:, None]
    torch.testing.assert_close(step.jacobian(x, before), expected)
