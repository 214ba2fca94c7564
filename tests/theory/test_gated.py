"""Theory of gated cells against networks of many units, and where it has closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm, qmc

from harness.settings.members import members
from harness.theory import GatedUnit, LongShortTermMemory, Minimal
from harness.theory.gated import FixedPoint
from harness.training.pack import run
from tests.conftest import Config
from tests.helpers.moments import moment


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


@pytest.mark.parametrize("bias", [-1.0, 0.0, 2.0])
def test_without_inputs_a_gru_is_chaotic_from_a_weight_scale_of_two_whatever_its_bias(bias: float) -> None:
    assert GatedUnit(bias).rate(1.98, 0.0) < 0 < GatedUnit(bias).rate(2.02, 0.0)
    z = sigmoid(bias)
    assert GatedUnit(bias).rate(1.2, 0.0) == pytest.approx(math.log(z + (1 - z) * 1.2 / 2))


@pytest.mark.parametrize("bias", [-1.0, 1.0])
def test_without_inputs_an_lstm_is_chaotic_from_four_times_what_it_forgets(bias: float) -> None:
    f = sigmoid(bias)
    assert LongShortTermMemory(bias).rate(0.9 * 4 * (1 - f), 0.0) == pytest.approx(math.log(f + 0.9 * (1 - f)))
    assert LongShortTermMemory(bias).rate(1.02 * 4 * (1 - f), 0.0) > 0


def test_without_recurrent_weights_what_is_left_is_what_gates_keep() -> None:
    assert GatedUnit(1.0).rate(0.0, 0.0) == pytest.approx(math.log(sigmoid(1)))
    assert LongShortTermMemory(1.0).rate(0.0, 0.0) == pytest.approx(math.log(sigmoid(1)))
    assert Minimal(1.0).rate(0.0, 0.0) == pytest.approx(math.log(sigmoid(1)))


def test_the_edge_is_that_of_the_eigenvalues_of_a_large_matrix() -> None:
    rng, size, scale = np.random.default_rng(3), 800, 0.7
    keeps, mixes = rng.uniform(0, 0.5, size), rng.uniform(0, 1, size)
    made = np.diag(keeps) + scale * np.sqrt(mixes)[:, None] * rng.standard_normal((size, size)) / np.sqrt(size)
    point = FixedPoint(keeps, mixes, np.zeros(size), np.full(size, 1 / size))
    assert np.abs(np.linalg.eigvals(made)).max() == pytest.approx(point.edge(scale), rel=0.03)
    squares = np.mean(np.sum(made**2, axis=1))
    assert squares == pytest.approx(point.untied(scale) ** 2, rel=0.03)


def test_with_a_detour_the_edge_is_a_root_of_its_polynomial() -> None:
    """Units alike: λ² (λ - k)² = g² (m λ² + d (λ - k)²)."""
    k, m, d, g = 0.4, 0.3, 0.2, 1.3
    apart = np.poly1d([1, -k]) ** 2
    roots = (np.poly1d([1, 0, 0]) * apart - g**2 * (m * np.poly1d([1, 0, 0]) + d * apart)).roots
    point = FixedPoint(np.array([k]), np.array([m]), np.array([d]), np.ones(1))
    assert point.edge(g) == pytest.approx(max(roots[np.isreal(roots)].real))
    assert point.edge(0.0) == k


def units(count: int) -> list[torch.Tensor]:
    """Evenly drawn standard normal numbers, as many for each of so many variables."""
    drawn = qmc.Sobol(count, seed=0).random(2**15)
    return [torch.from_numpy(norm.ppf(column)) for column in drawn.T]


def slopes(value: torch.Tensor, *leaves: torch.Tensor) -> torch.Tensor:
    """The sum of the squares of a value's derivatives, unit by unit."""
    return sum(each**2 for each in torch.autograd.grad(value.sum(), leaves, retain_graph=True))


@pytest.mark.parametrize(("scale", "variance", "bias"), [(1.5, 0.4, 0.0), (2.5, 0.1, 1.0), (2.2, 0.0, -0.5)])
def test_where_a_gru_settles_its_units_are_those_of_a_simulation(scale: float, variance: float, bias: float) -> None:
    x, m, reset, update = units(4)

    def step(q: float, h: torch.Tensor | None = None) -> tuple[torch.Tensor, ...]:
        spread = (scale**2 * q + variance) ** 0.5
        read, r, z = (scale * q**0.5 * m).requires_grad_(), (spread * reset).requires_grad_(), bias + spread * update
        new = torch.tanh(variance**0.5 * x + r.sigmoid() * read)
        return new, read, r, z.sigmoid()

    q = 0.5
    for _ in range(60):
        q = step(q)[0].square().mean().item()
    new, read, r, z = step(q)
    point = GatedUnit(bias).fixed_point(scale, variance)
    assert point.weights @ point.keeps == pytest.approx(z.mean().item(), rel=4e-3)
    assert point.weights @ point.keeps**2 == pytest.approx((z**2).mean().item(), rel=2e-2)
    assert point.weights @ point.mixes == pytest.approx(slopes((1 - z) * new, read, r).mean().item(), rel=2e-2)
    assert not point.detour.any()


@pytest.mark.parametrize(("scale", "variance", "bias"), [(1.0, 0.05, 0.0), (2.5, 0.1, -1.0)])
def test_where_an_lstm_settles_its_units_are_those_of_a_simulation(scale: float, variance: float, bias: float) -> None:
    drawn = units(4)

    def step(q: float) -> tuple[torch.Tensor, ...]:
        i, f, o, g = ((scale**2 * q + variance) ** 0.5 * each for each in drawn)
        f = f + bias
        leaves = [each.requires_grad_() for each in (i, f, o, g)]
        kept = i.sigmoid() * g.tanh() / (1 - f.sigmoid())  # where c = f c + i g stays
        before = kept.detach()
        after = f.sigmoid() * before + i.sigmoid() * g.tanh()
        return o.sigmoid() * kept.detach().tanh(), before, after, *leaves

    q = 0.5
    for _ in range(60):
        q = step(q)[0].square().mean().item()
    told, c, after, i, f, o, g = step(q)
    passed = (o.sigmoid() * (1 - c.tanh() ** 2)) ** 2
    point = LongShortTermMemory(bias).fixed_point(scale, variance)
    assert point.weights @ point.keeps == pytest.approx(f.sigmoid().mean().item(), rel=2e-3)
    assert point.weights @ point.mixes == pytest.approx((passed * slopes(after, i, f, g)).mean().item(), rel=2e-2)
    assert point.weights @ point.detour == pytest.approx(slopes(told, o).mean().item(), rel=2e-2)


@pytest.mark.parametrize(("scale", "bias"), [(1.0, 0.0), (2.0, 1.0)])
def test_weakly_driven_a_minimal_rnn_has_the_factor_of_its_gate(scale: float, bias: float) -> None:
    """χ = E[u²] + g² E[u'²] 2 v / (1 + u₀), of gates with the variance g² v (1 - u₀) / (1 + u₀) + v / 3."""
    v, u0 = 0.5, sigmoid(bias)
    spread = math.sqrt(scale**2 * v * (1 - u0) / (1 + u0) + v / 3)

    def mean(function: Callable[[float], float]) -> float:
        return float(quad(lambda x: norm.pdf(x) * function(sigmoid(bias + spread * x)), -10, 10)[0])

    chi = mean(lambda u: u**2) + scale**2 * mean(lambda u: (u * (1 - u)) ** 2) * 2 * v / (1 + u0)
    assert math.exp(2 * Minimal(bias).rate(scale, v)) == pytest.approx(chi, rel=1e-6)


def test_what_enters_the_gate_of_a_minimal_rnn_is_a_third_of_what_it_may_write() -> None:
    """Its weights are uniform within ±1/√H."""
    latent = moment("minimal", hidden_size=64).network.weights["layer1.latent"]
    assert latent.square().sum(dim=1).mean().item() == pytest.approx(1 / 3, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "scales"),
    [
        ({"name": "gru"}, [0.5, 1.5]),
        ({"name": "gru", "forget_bias": 2.0}, [1.0]),
        ({"name": "lstm"}, [0.5, 0.9]),
        ({"name": "minimal", "forget_bias": 1.0}, [1.0]),
    ],
)
def test_in_order_the_factor_is_that_of_many_units(
    config: Config, cell: dict[str, object], scales: list[float]
) -> None:
    made = config(
        cell=cell, seq_len=100, hidden_size=256, init="gaussian", weight_scale=scales, seed=21, dtype="float32",
        train={"steps": 0}, probe={"batch_size": 4},
    )  # fmt: skip
    tables = run(members(made))
    for own in tables["runs"].itertuples():
        rows = tables["transport"]
        rows = rows[(rows.run_id == own.run_id) & (rows.layer == 1) & (rows.part == own.memory)]
        logs = rows.set_index("lag").log_ratio
        # Once the first steps are over, before the network has left where it starts.
        factor = math.exp((logs[85] - logs[40]) / 45)
        assert factor == pytest.approx(math.exp(own.decay_rate_theory), rel=0.02)
