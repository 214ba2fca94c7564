"""Cells against a second implementation of one network: outputs of a whole sequence, and all gradients, in float64."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harness.cells import Cell, Named
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit

FEATURES, SIZE, STEPS, BATCH = 3, 6, 21, 4

Sequence = Callable[["Named[Tensor]", Tensor], list[Tensor]]
"""From the parameters of one member, without K, and inputs (T, B, F) to the output (B, ·) of every step."""


def compare(cell: Cell, sequence: Sequence) -> None:
    """Fail where outputs, or gradients of a function of them by inputs and parameters, differ by more than 1e-10."""
    shape = Architecture(cell, FEATURES, SIZE, 1, 2)
    network = Network.create(shape, [MemberInit(cell, 0, "gaussian", 1.1)], torch.float64, "cpu")
    generator = torch.Generator().manual_seed(3)
    network.flat += 0.1 * torch.randn(network.flat.shape, generator=generator, dtype=torch.float64)
    x = torch.randn(1, STEPS, BATCH, FEATURES, generator=generator, dtype=torch.float64)

    found_outputs = network.forward(x)[-1].outputs[0].clone()
    grad = torch.empty_like(network.flat)
    _, found_inputs = network.gradients(x, range(1, STEPS + 1), _loss, grad, need_input_grad=True)
    assert found_inputs is not None

    own = {name: value[0].clone().requires_grad_() for name, value in network.weights.items()}
    parameters: Named[Tensor] = Named({name.removeprefix("layer1."): value for name, value in own.items()})
    inputs = x[0].clone().requires_grad_()
    outputs = torch.stack(sequence(parameters, inputs))
    torch.testing.assert_close(found_outputs, outputs.detach(), rtol=1e-10, atol=1e-10)
    read = outputs @ own["readout.weight"] + own["readout.bias"]
    trained = {name: value for name, value in own.items() if shape.parameters()[name].trained}
    wanted = torch.autograd.grad(_loss(read.transpose(0, 1)[None]).sum(), [inputs, *trained.values()])
    torch.testing.assert_close(found_inputs[0], wanted[0], rtol=1e-10, atol=1e-10)
    gradients = Network(shape, grad).weights
    for name, value in zip(trained, wanted[1:], strict=True):
        torch.testing.assert_close(gradients[name][0], value, rtol=1e-10, atol=1e-10, msg=lambda m, n=name: f"{n}: {m}")


def _loss(outputs: Tensor) -> Tensor:
    """(K, B) from (K, B, S, 2): nothing is symmetric in steps, samples or outputs."""
    weights = torch.cos(torch.arange(outputs[0].numel(), dtype=outputs.dtype)).view(outputs[0].shape)
    return (outputs.square() * weights + outputs).sum(dim=(2, 3))
