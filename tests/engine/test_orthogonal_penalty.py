from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import Tensor

from harness.cells import Cell, Parameter, State, Weights
from harness.engine.network import Network
from harness.engine.orthogonal_penalty import has_recurrent_matrices, orthogonal_gradient
from harness.engine.weights import Architecture, MemberInit
from harness.plugins.registry import registry

WIDTH = 4


def network(name: str, layers: int = 1) -> Network:
    cell = registry().get("cell", name)()
    inits = [MemberInit(cell, seed, "gaussian", 0.7) for seed in range(2)]
    return Network.create(Architecture(cell, 3, WIDTH, layers, 2), inits, torch.float64, "cpu", compiled=False)


def distance(matrix: Tensor) -> Tensor:
    """‖WᵀW - I‖², entry by entry."""
    return ((matrix.T @ matrix - torch.eye(len(matrix), dtype=torch.float64)) ** 2).sum()


def test_every_gates_matrix_in_every_layer_is_drawn_towards_an_orthogonal_one() -> None:
    net = network("lstm", layers=2)
    grads = Network(net.shape, orthogonal_gradient(net)).weights
    for name, weight in net.weights.items():
        for member in (0, 1):
            given = weight[member].clone().requires_grad_()
            if name.endswith("recurrent"):
                blocks = sum(distance(given[:, WIDTH * gate : WIDTH * (gate + 1)]) for gate in range(4))
                (expected,) = torch.autograd.grad(blocks, given)
            else:
                expected = torch.zeros_like(given)
            torch.testing.assert_close(grads[name][member], expected)


def test_the_factors_of_a_diagonal_recurrence_are_drawn_to_the_unit_circle() -> None:
    """An LRU's are exp(-exp(ν) + i exp(θ)): |d|² = exp(-2 exp(ν)), whatever θ is."""
    net = network("lru")
    grads = Network(net.shape, orthogonal_gradient(net)).weights
    nu = net.weights["layer1.nu"].clone().requires_grad_()
    (expected,) = torch.autograd.grad(((torch.exp(-2 * torch.exp(nu)) - 1) ** 2).sum(), nu)
    torch.testing.assert_close(grads["layer1.nu"], expected)
    for name, grad in grads.items():
        if name != "layer1.nu":
            torch.testing.assert_close(grad, torch.zeros_like(grad))


def test_down_this_gradient_all_singular_values_become_1() -> None:
    net = network("gru")
    for _ in range(300):
        net.flat.sub_(0.02 * orthogonal_gradient(net))
    for block in net.weights["layer1.recurrent"].split(WIDTH, dim=-1):
        values = torch.linalg.svdvals(block)
        torch.testing.assert_close(values, torch.ones_like(values), rtol=0.01, atol=0)


class Turning(Cell):
    """A cell that says that its state is multiplied by a complex matrix."""

    name: ClassVar[str] = "turning"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        square = Parameter((hidden_size, hidden_size), "recurrent")
        return {"re": square, "im": square}

    def recurrence(self, w: Weights, hidden_size: int) -> list[Tensor]:
        return [torch.complex(w.re, w.im)]

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": s.h @ w.re - s.h @ w.im}


def test_a_complex_matrix_is_drawn_towards_a_unitary_one() -> None:
    cell = Turning()
    inits = [MemberInit(cell, seed, "gaussian", 0.7) for seed in range(2)]
    net = Network.create(Architecture(cell, 3, WIDTH, 1, 2), inits, torch.float64, "cpu")  # kernels know real numbers
    grads = Network(net.shape, orthogonal_gradient(net), compiled=False).weights
    re, im = (net.weights[f"layer1.{name}"].clone().requires_grad_() for name in ("re", "im"))
    # WᴴW = (Rᵀ - i Iᵀ)(R + i I), by its real and its imaginary part
    real = re.mT @ re + im.mT @ im - torch.eye(WIDTH, dtype=torch.float64)
    imaginary = re.mT @ im - im.mT @ re
    expected = torch.autograd.grad(real.square().sum() + imaginary.square().sum(), (re, im))
    for name, value in zip(("re", "im"), expected, strict=True):
        torch.testing.assert_close(grads[f"layer1.{name}"], value)


@pytest.mark.parametrize(
    ("cell", "has"),
    [("rnn", True), ("lru", True), ("unitary_rnn", True), ("echo_state", False), ("feedforward", False)],
)
def test_only_matrices_that_are_trained_can_be_drawn_anywhere(cell: str, has: bool) -> None:
    assert has_recurrent_matrices(registry().get("cell", cell)(), 3, WIDTH) == has
