"""A linear cell against a second way to compute a whole sequence: as a convolution, in log space, as attention, …

A reference is given our parameters of one member and all inputs (T, B, F), and returns what the next layer sees,
(T, B, H); autograd differentiates it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harness.cells import Cell, Named, Weights
from harness.engine.network import Network
from harness.engine.scan.plan import planned_step
from harness.engine.weights import Architecture, MemberInit, layers, views

MEMBERS, STEPS, BATCH, SIZE = 2, 8, 3, 4

Reference = Callable[[Weights, Tensor], Tensor]


def compare(cell: Cell, reference: Reference, features: int = 3, compiled: bool = True) -> None:
    """Assert that a cell is read by the engine, and that outputs and all gradients are the reference's to 1e-10."""
    assert (planned_step(cell, features, SIZE) is not None) == compiled
    shape = Architecture(cell, features, SIZE, 1, 2)
    inits = [MemberInit(cell, seed, "gaussian", 1.0) for seed in range(MEMBERS)]
    network = Network.create(shape, inits, torch.float64, "cpu", compiled=False)
    generator = torch.Generator().manual_seed(3)

    def noise(*size: int) -> Tensor:
        return torch.randn(*size, dtype=torch.float64, generator=generator)

    network.flat += 0.2 * noise(*network.flat.shape)
    inputs, change = noise(MEMBERS, STEPS, BATCH, features), noise(BATCH, STEPS, 2)
    scored, grad = list(range(1, STEPS + 1)), torch.empty_like(network.flat)
    outputs = network.outputs(inputs, scored)
    _, grad_x = network.gradients(
        inputs, scored, lambda made: (made * change).sum(dim=(2, 3)), grad, {}, need_input_grad=True
    )
    found = layers(shape, views(shape, grad))[0]
    for member in range(MEMBERS):
        p = Named(
            {
                name: value[member].clone().requires_grad_()
                for name, value in layers(shape, views(shape, network.flat))[0].items()
            }
        )
        x = inputs[member].clone().requires_grad_()
        seen = reference(p, x)
        truth = seen @ network.weights["readout.weight"][member] + network.weights["readout.bias"][member]
        (truth.transpose(0, 1) * change).sum().backward()
        _close("outputs", outputs[member], truth.transpose(0, 1))
        _close("gradient of the inputs", grad_x[member], x.grad)
        for name, value in p.items():
            _close(f"gradient of {name}", found[name][member], value.grad)


def _close(what: str, found: Tensor, truth: Tensor | None) -> None:
    assert truth is not None, f"{what}: the reference does not read it"
    torch.testing.assert_close(found, truth.detach(), rtol=1e-10, atol=1e-10, msg=lambda text: f"{what}: {text}")


def decayed(log_decay: Tensor, values: Tensor) -> Tensor:
    """Σ_{j ≤ t} exp(Σ_{j < k ≤ t} log_decay_k) · values_j for every t, along dimension 0, all pairs at once."""
    steps = len(values)
    summed = log_decay.cumsum(0)
    apart = summed[:, None] - summed[None]
    before = torch.ones(steps, steps).tril().reshape(steps, steps, *[1] * (values.ndim - 1)).bool()
    return torch.where(before, torch.where(before, apart, 0).exp(), 0).mul(values[None]).sum(1)
