"""A cell against a second implementation: outputs of a sequence, and the gradients of all weights and of the inputs.

The second implementation is a function of one step, in torch and for one network: it is given our weights, an input and
its own last state, and autograd differentiates it. So weights need a mapping in one direction only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.cells import Cell, Named, Weights
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit, layers, views

SIZE, STEPS, BATCH = 4, 9, 3

Reference = Callable[[Weights, Tensor, Any], tuple[Tensor, Any]]
"""From our weights, an input (B, F) and a state (None at first) to what the next layer sees, (B, H), and the state."""


def compare(cell: Cell, reference: Reference, features: int = 3, spread: float = 0.3) -> None:
    """Assert that a cell and a reference give the same outputs and gradients, in float64 to 1e-10.

    Args:
        spread: the size of what is added to the initial weights, so that none is zero.
    """
    shape = Architecture(cell, features, SIZE, num_layers=1, output_size=SIZE)
    network = Network.create(shape, [MemberInit(cell, 0, "gaussian", 1.0)], torch.float64, "cpu")
    generator = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    network.flat += spread * noise(*network.flat.shape)
    inputs, wanted_change = noise(1, STEPS, BATCH, features), noise(1, BATCH, STEPS, SIZE)

    def loss(outputs: Tensor) -> Tensor:
        return (outputs * wanted_change).sum(dim=(2, 3))

    scored, flat_grad = list(range(1, STEPS + 1)), torch.zeros_like(network.flat)
    outputs = network.outputs(inputs, scored)
    _, inputs_grad = network.gradients(inputs, scored, loss, flat_grad, {}, need_input_grad=True)
    found = layers(shape, views(shape, flat_grad))[0]

    leaves = {name: value.clone().requires_grad_() for name, value in network.weights.items()}
    w: Weights = Named({name: value[0] for name, value in layers(shape, leaves)[0].items()})
    x, state, seen = inputs[0].clone().requires_grad_(), None, []
    for t in range(STEPS):
        hidden, state = reference(w, x[t], state)
        seen.append(hidden)
    truth = torch.stack(seen, dim=1) @ leaves["readout.weight"][0] + leaves["readout.bias"]
    loss(truth[None]).sum().backward()

    _close("outputs", outputs[0], truth)
    _close("gradient of the inputs", inputs_grad[0], x.grad)
    for name, value in found.items():
        _close(f"gradient of {name}", value, leaves[f"layer1.{name}"].grad)


def _close(what: str, found: Tensor, truth: Tensor | None) -> None:
    assert truth is not None, f"{what}: the reference does not read it"
    torch.testing.assert_close(found, truth.detach(), rtol=1e-10, atol=1e-10, msg=lambda text: f"{what}: {text}")


def torchrecurrent(
    name: str,
    given: Callable[[Weights], Mapping[str, Tensor]],
    features: int = 3,
    state: Callable[[Any], Any] = lambda result: result,
    **options: Any,
) -> Reference:
    """A cell of the package torchrecurrent, as a reference.

    Args:
        given: from our weights to the module's parameters; those that it leaves out are 0.
        state: from what the module returns to the state that it is given next.
        options: of the module.
    """
    package = pytest.importorskip("torchrecurrent")
    module = getattr(package, name)(features, SIZE, dtype=torch.float64, **options)
    zeros = {key: torch.zeros_like(value) for key, value in module.state_dict().items()}

    def step(w: Weights, x: Tensor, before: Any) -> tuple[Tensor, Any]:
        result = torch.func.functional_call(module, {**zeros, **given(w)}, (x, before))
        return (result[0] if isinstance(result, tuple) else result), state(result)

    return step


def rows(w: Weights, *names: str) -> Tensor:
    """Our matrices (inputs, units) as one of torch's (units, inputs), one below the other; vectors joined."""
    return torch.cat([w[name].mT if w[name].dim() == 2 else w[name] for name in names])


def gate_by_gate(*names: str) -> Callable[[Weights], dict[str, Tensor]]:
    """The parameters of a module whose gates are ours in this order, each with ``x_``, ``h_`` and ``b_``."""

    def given(w: Weights) -> dict[str, Tensor]:
        return {
            "weight_ih": rows(w, *(f"x_{name}" for name in names)),
            "weight_hh": rows(w, *(f"h_{name}" for name in names)),
            "bias_ih": rows(w, *(f"b_{name}" for name in names)),
        }

    return given
