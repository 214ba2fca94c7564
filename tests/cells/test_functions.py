"""The functions that equations of cells are made of, against torch's own and against what they are defined as."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as nn

from harness.cells import functions as own
from harness.cells.classic.rnn import RNN
from harness.engine.network import Network
from harness.engine.scan.stepwise import StepwiseScanner
from harness.engine.weights import Architecture, MemberInit

Function = Callable[..., Tensor]

UNITS = torch.linspace(-6, 6, 97, dtype=torch.float64).view(1, -1)  # 0 and the whole numbers are among them
POSITIVE = UNITS[UNITS > 0].view(1, -1)
BIAS = torch.linspace(-1, 1, 97, dtype=torch.float64)


def where_positive(x: Tensor) -> Tensor:
    return own.where(x > 1, x * x, 3.0)


def normal_cdf(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


BY_UNIT: dict[str, tuple[Function, Function, Tensor]] = {
    "sigmoid": (own.sigmoid, lambda x: 1 / (1 + torch.exp(-x)), UNITS),
    "tanh": (own.tanh, lambda x: 1 - 2 / (torch.exp(2 * x) + 1), UNITS),
    "relu": (own.relu, nn.relu, UNITS),
    "exp": (own.exp, torch.exp, UNITS),
    "log": (own.log, torch.log, POSITIVE),
    "sqrt": (own.sqrt, torch.sqrt, POSITIVE),
    "sin": (own.sin, torch.sin, UNITS),
    "cos": (own.cos, torch.cos, UNITS),
    "absolute": (own.absolute, torch.abs, UNITS),
    "floor": (own.floor, torch.floor, UNITS),
    "where": (where_positive, lambda x: torch.where(x > 1, x * x, torch.full_like(x, 3)), UNITS),
    "leaky_relu": (own.leaky_relu, nn.leaky_relu, UNITS),
    "leaky_relu with a slope": (lambda x: own.leaky_relu(x, 0.2), lambda x: nn.leaky_relu(x, 0.2), UNITS),
    "clamp": (lambda x: own.clamp(x, -1.5, 2.0), lambda x: torch.clamp(x, -1.5, 2.0), UNITS),
    "hard_sigmoid": (own.hard_sigmoid, lambda x: nn.hardtanh(0.2 * x + 0.5, 0, 1), UNITS[UNITS.abs() != 2.5]),
    "softplus": (own.softplus, lambda x: torch.log(1 + torch.exp(x)), UNITS),
    "silu": (own.silu, nn.silu, UNITS),
    "gelu": (own.gelu, lambda x: nn.gelu(x, approximate="tanh"), UNITS),
}
"""A function, what it is by other means, and where both are compared."""


@pytest.mark.parametrize(("mine", "truth", "units"), BY_UNIT.values(), ids=BY_UNIT)
def test_a_function_and_its_derivative_are_torchs(mine: Function, truth: Function, units: Tensor) -> None:
    found, wanted = (made(units.clone().requires_grad_(), function) for function in (mine, truth))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)


def made(x: Tensor, function: Function) -> tuple[Tensor, Tensor]:
    """The values, and the derivatives of their sum, weighted so that units cannot be confused."""
    values = function(x)
    weights = torch.linspace(1, 2, values.shape[-1], dtype=values.dtype)
    (slopes,) = torch.autograd.grad((values * weights).sum(), x, allow_unused=True, materialize_grads=True)
    return values.detach(), slopes


def test_softplus_neither_overflows_nor_loses_small_values() -> None:
    x = torch.tensor([-700.0, -40.0, -1.0, 0.0, 1.0, 40.0, 700.0], dtype=torch.float64)
    truth = [math.exp(-700), math.exp(-40), math.log1p(math.exp(-1)), math.log(2), math.log1p(math.e), 40.0, 700.0]
    torch.testing.assert_close(own.softplus(x), torch.tensor(truth, dtype=torch.float64), rtol=1e-14, atol=0)


def test_gelu_is_close_to_x_times_the_normal_distribution() -> None:
    assert (own.gelu(UNITS) - UNITS * normal_cdf(UNITS)).abs().max() < 5e-4  # Hendrycks, Gimpel 2016


def test_the_derivative_at_a_corner_is_the_one_that_is_documented() -> None:
    def slope(function: Function, at: float) -> float:
        x = torch.tensor([at], dtype=torch.float64, requires_grad=True)
        (found,) = torch.autograd.grad(function(x).sum(), x)
        return found.item()

    assert [slope(own.relu, 0.0), slope(own.absolute, 0.0), slope(own.floor, 2.0)] == [0, 0, 0]
    assert [slope(lambda x: own.clamp(x, -1.0, 2.0), at) for at in (-1.01, -1.0, 2.0, 2.01)] == [0, 1, 1, 0]
    assert slope(own.leaky_relu, 0.0) == 0.01


def test_of_two_equal_numbers_the_second_gets_the_derivative() -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = torch.tensor([2.0, 2.0, 2.0], requires_grad=True)
    for function, values, slopes in ((own.maximum, [2, 2, 3], [0, 0, 1]), (own.minimum, [1, 2, 2], [1, 0, 0])):
        found = function(x, y)
        assert found.tolist() == values
        of_x, of_y = torch.autograd.grad(found.sum(), (x, y))
        assert of_x.tolist() == slopes
        assert (of_x + of_y).tolist() == [1, 1, 1]


def test_mod_relu_moves_a_number_towards_zero_or_away_and_never_across() -> None:
    x = UNITS[0].clone().requires_grad_()
    found = own.mod_relu(x, BIAS)
    wanted = torch.sign(UNITS[0]) * (UNITS[0].abs() + BIAS).clamp(min=0)
    torch.testing.assert_close(found.detach(), wanted, rtol=1e-14, atol=0)
    (slopes,) = torch.autograd.grad(found.sum(), x)
    assert slopes.tolist() == [float(value != 0) for value in wanted]


WHOLE = torch.randn(3, 2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

OVER_UNITS: dict[str, tuple[Function, Function]] = {
    "total": (own.total, lambda x: torch.einsum("kbi->kb", x)[..., None]),
    "mean": (own.mean, lambda x: x.mean(-1, keepdim=True)),
    "softmax": (own.softmax, lambda x: torch.softmax(x, -1)),
    "normalised": (own.normalised, lambda x: nn.layer_norm(x, (6,))),
    "normalised with an epsilon": (lambda x: own.normalised(x, 0.3), lambda x: nn.layer_norm(x, (6,), eps=0.3)),
    "repeat": (lambda x: own.repeat(x, 2), lambda x: x.repeat_interleave(2, -1)),
    "repeat in stretches": (
        lambda x: own.repeat(x, 2, 3),
        lambda x: x[..., [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]],
    ),
    "fold": (lambda x: own.fold(x, 2), lambda x: x[..., [0, 2, 4]] + x[..., [1, 3, 5]]),
    "fold in stretches": (lambda x: own.fold(x, 3, 2), lambda x: x[..., :2] + x[..., 2:4] + x[..., 4:]),
    "join": (lambda x: own.join(x, x[..., :1], 2 * x), lambda x: torch.cat([x, x[..., :1], 2 * x], -1)),
}
"""A function over the units of a vector, and what it is by other means."""


@pytest.mark.parametrize(("mine", "truth"), OVER_UNITS.values(), ids=OVER_UNITS)
def test_a_function_over_units_and_its_derivative_are_torchs(mine: Function, truth: Function) -> None:
    found, wanted = (made(WHOLE.clone().requires_grad_(), function) for function in (mine, truth))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)


def test_the_largest_unit_is_a_constant_to_the_gradient_and_keeps_softmax_finite() -> None:
    x = WHOLE.clone().requires_grad_()
    assert own.largest(x).tolist() == WHOLE.max(-1, keepdim=True).values.tolist()
    assert not own.largest(x).requires_grad
    assert own.softmax(torch.tensor([1000.0, 1000.0, -1000.0])).tolist() == [0.5, 0.5, 0.0]


class Reading(RNN):
    """A step that is made of functions which are told from their stand-ins while it is read."""

    name = "reading"

    def step(self, w: Any, x: Any, s: Any) -> dict[str, Any]:
        wide = own.repeat(own.join(x[..., :1], x[..., 1:2], own.tanh(x[..., 2:])), 2)
        return {"h": own.where(s.h < 1, own.fold(wide, 2), 0.0)}


def test_the_same_functions_are_read_as_a_formula() -> None:
    cell, x = Reading(), torch.randn(1, 1, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    shape, member = Architecture(cell, 3, 3, 1, 1), MemberInit(cell, 0, "identity", 1.0)
    network = Network.create(shape, [member], torch.float64, "cpu", compiled=False)
    assert isinstance(network.scanners[0], StepwiseScanner)  # that it was read
    found = network.forward(x)[0].states["h"][0, 1]
    assert found.tolist() == (2 * torch.cat([x[0, 0, :, :2], x[0, 0, :, 2:].tanh()], dim=1)).tolist()
