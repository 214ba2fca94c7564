"""A cell against a second implementation: outputs of a sequence, and the gradients of all weights and of the inputs.

The second implementation runs a sequence for one network in any way it likes (step by step, as a convolution, in log
space, as attention): it is given our weights and all inputs, and autograd differentiates it. So weights need a mapping
in one direction only. That kernels compute the same is the contract's (`harness.testing.check_cell`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.cells import Cell, Weights
from harness.engine.network import Network
from harness.engine.scan.plan import planned_step
from harness.engine.weights import Architecture, MemberInit, layers, views

FEATURES, SIZE, STEPS, BATCH, MEMBERS = 3, 6, 12, 4, 2

Reference = Callable[[Weights, Tensor], "Tensor | list[Tensor]"]
"""From our parameters of one member and inputs (T, B, F) to what the next layer sees, (T, B, H) or a list of T."""

Step = Callable[[Weights, Tensor, Any], tuple[Tensor, Any]]
"""From our parameters, an input (B, F) and a state (None at first) to what the next layer sees (B, H) and the state."""


def one_by_one(step: Step) -> Reference:
    """A reference that is written as one step."""

    def sequence(w: Weights, x: Tensor) -> list[Tensor]:
        state, seen = None, []
        for entering in x:
            hidden, state = step(w, entering, state)
            seen.append(hidden)
        return seen

    return sequence


def compare(cell: Cell, reference: Reference, features: int = FEATURES, spread: float = 0.2) -> None:
    """Assert that a cell is read by the engine, and that outputs and all gradients are the reference's, to 1e-10.

    Args:
        spread: the size of what is added to the initial weights, so that none is zero.
    """
    assert planned_step(cell, features, SIZE) is not None
    shape = Architecture(cell, features, SIZE, num_layers=1, output_size=2)
    inits = [MemberInit(cell, seed, "gaussian", 1.0) for seed in range(MEMBERS)]
    network = Network.create(shape, inits, torch.float64, "cpu", compiled=False)
    generator = torch.Generator().manual_seed(3)

    def noise(*size: int) -> Tensor:
        return torch.randn(*size, dtype=torch.float64, generator=generator)

    network.flat += spread * noise(*network.flat.shape)
    inputs, weight = noise(MEMBERS, STEPS, BATCH, features), noise(BATCH, STEPS, 2)

    def loss(outputs: Tensor) -> Tensor:
        return ((outputs.square() + outputs) * weight).sum(dim=(2, 3))

    scored, grad = list(range(1, STEPS + 1)), torch.empty_like(network.flat)
    outputs = network.outputs(inputs, scored)
    _, grad_x = network.gradients(inputs, scored, loss, grad, {}, need_input_grad=True)
    found = views(shape, grad)
    for member in range(MEMBERS):
        leaves = {name: value[member].clone().requires_grad_() for name, value in network.weights.items()}
        x, w = inputs[member].clone().requires_grad_(), layers(shape, leaves)[0]
        seen = reference(w, x)
        seen = torch.stack(seen) if isinstance(seen, list) else seen
        truth = (seen @ leaves["readout.weight"] + leaves["readout.bias"]).transpose(0, 1)
        loss(truth[None]).sum().backward()
        _close("outputs", outputs[member], truth)
        _close("gradient of the inputs", grad_x[member], x.grad)
        for name, value in leaves.items():
            if shape.parameters()[name].trained:
                _close(f"gradient of {name}", found[name][member], value.grad)


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

    return one_by_one(step)


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


def decayed(log_decay: Tensor, values: Tensor) -> Tensor:
    """Σ_{j ≤ t} exp(Σ_{j < k ≤ t} log_decay_k) · values_j for every t, along dimension 0, all pairs at once."""
    steps = len(values)
    summed = log_decay.cumsum(0)
    apart = summed[:, None] - summed[None]
    before = torch.ones(steps, steps).tril().reshape(steps, steps, *[1] * (values.ndim - 1)).bool()
    return torch.where(before, torch.where(before, apart, 0).exp(), 0).mul(values[None]).sum(1)
