"""Steps of all kinds: whether the engine compiles them or not, numbers and gradients are those of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from harness.cells import Cell
from harness.cells.classic.rnn import RNN
from harness.cells.functions import join, total
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit

State = dict[str, Tensor]
Step = Callable[[Tensor, State], State]


def arithmetic(x: Tensor) -> Tensor:
    """What most steps are made of, each with a share of its own: compiling takes a second per step."""
    y = x * x + 1
    return (
        0.1 * (1 / y) + 0.2 * (2 - x) + 0.3 * (x - 2) - 0.4 * (x / 2) + 0.5 * -x + 0.6 * x**2 + 0.07 * x.sigmoid()
        + 0.08 * torch.tanh(x) * torch.tanh(x) + 0.09 * torch.exp(-y) + 0.11 * x / y + 0.13 * torch.relu(x - 0.1)
    )  # fmt: skip


def at_zero(x: Tensor) -> Tensor:
    """Functions with a corner, at the corner: ``y`` is 0, and its derivative is that of ``x``."""
    y = x - x.detach()
    return x + 2 * y.abs() + 3 * torch.relu(y) + torch.log1p(x * x)


ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "arithmetic": arithmetic,
    "at zero": at_zero,
    "x**3": lambda x: x**3,
    "x**-1": lambda x: (x * x + 1) ** -1,
    "x**0.5": lambda x: (x * x + 1) ** 0.5,
    "2**x": lambda x: 2**x,
    "sub with alpha": lambda x: torch.sub(x, x * x, alpha=3),
    "add with alpha": lambda x: x.add(x * x, alpha=3),
    "clamp from below": lambda x: torch.clamp(x, min=0.1),
    "clamp by keywords": lambda x: x.clamp(min=-0.3, max=0.2),
    "sigmoid by keyword": lambda x: torch.sigmoid(input=x),
    "leaky relu": lambda x: functional.leaky_relu(x, negative_slope=0.3),
    "softplus with beta": lambda x: functional.softplus(x, beta=3.0),
    "elu with alpha": lambda x: functional.elu(x, alpha=0.5),
    "gelu by tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "sin": torch.sin,
    "maximum": lambda x: torch.maximum(x, x * x),
    "where": lambda x: torch.where(x > 0, x, 0.5 * x),
    "detached": lambda x: x + (3 * x).detach(),
    "amax": lambda x: x - x.amax(-1, keepdim=True),
    "amax of what is no variable": lambda x: x * x - x.detach().amax(-1, keepdim=True),
    "lerp": lambda x: torch.lerp(x, x * x, 0.3),
}
"""Functions of one number that a step may hold."""


def of(function: Callable[[Tensor], Tensor]) -> Step:
    return lambda pre, state: {"h": function(pre) * 0.5 + 0.1 * state["h"]}


def shared(pre: Tensor, state: State) -> State:
    c = 0.8 * state["c"] + pre.tanh()
    return {"h": c, "c": c}


def untouched(pre: Tensor, state: State) -> State:
    return {"h": pre.tanh() * state["c"] + pre, "c": state["c"]}


def swapped(pre: Tensor, state: State) -> State:
    return {"h": state["c"] + 0.3 * pre, "c": state["h"] * 0.5 + pre.sin()}


def from_the_new(pre: Tensor, state: State) -> State:
    c = 0.7 * state["c"] + pre.sigmoid()
    return {"h": c.tanh() * c + pre, "c": c}


def joined_of_what_is_read_again(pre: Tensor, state: State) -> State:
    """Joined vectors are new: what else is read of a piece does not reach the part that it is a piece of."""
    pre = pre + 0.3 * state["c"]
    high = pre[..., 1:].tanh()
    across = total(high) + 2 * join(pre.sin(), high).mean(-1, keepdim=True)
    return {"h": join(pre[..., :1].sigmoid(), high), "c": 0.6 * state["c"] + across}


TWO: dict[str, Step] = {
    "shared": shared,
    "untouched": untouched,
    "swapped": swapped,
    "from the new": from_the_new,
    "joined": joined_of_what_is_read_again,
}
"""Steps of a state with two parts."""


def made(step: Step, parts: tuple[str, ...]) -> Cell:
    def whole(self: Any, w: Any, x: Any, s: Any) -> State:
        return step(x @ w.input + s.h @ w.recurrent + w.bias, s)

    cell: Cell = type(
        "Made", (RNN,), {"__doc__": "A step under test.", "name": "made", "parts": parts, "step": whole}
    )()
    return cell


def numbers(network: Network) -> dict[str, Tensor]:
    """Losses and every gradient of a small batch."""
    inputs = torch.randn(2, 5, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    keep, grad = network.step_gradients(inputs, totals=True), torch.empty_like(network.flat)
    with torch.no_grad():
        losses, below = network.gradients(
            inputs, [2, 5], lambda outputs: outputs.square().mean((2, 3)), grad, keep, need_input_grad=True
        )
    assert below is not None
    totals = {f"total {part}": value for part, value in keep[1].totals.items()}
    return {"losses": losses, "weights": grad, "inputs": below, **totals, **keep[1].norms}


def networks(cell: Cell) -> tuple[Network, Network]:
    """The same weights twice: compiled where that is possible, and step by step in torch."""
    shape = Architecture(cell, 2, 3, 1, 2)
    members = [MemberInit(cell, seed, "gaussian", 0.7) for seed in (0, 1)]
    plain = Network.create(shape, members, torch.float64, "cpu", compiled=False)
    plain.flat += 0.1
    return Network(shape, plain.flat, compiled=True), plain


def by_autograd(network: Network, step: Step, parts: tuple[str, ...]) -> dict[str, Tensor]:
    """The same through a plain loop, in which a part that is handed on as it was is a tensor of its own."""
    inputs = torch.randn(2, 5, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    flat = network.flat.clone().requires_grad_()
    weights = Network(network.shape, flat, compiled=False).weights
    state = {part: torch.zeros(2, 3, 3, dtype=torch.float64, requires_grad=True) for part in parts}
    scored, kept = [], []
    for t in range(5):
        pre = inputs[:, t] @ weights["layer1.input"] + state["h"] @ weights["layer1.recurrent"]
        made = step(pre + weights["layer1.bias"][:, None], state)
        old = [id(value) for value in state.values()]
        state = {part: value.view_as(value) if id(value) in old else value for part, value in made.items()}
        kept.append(state)
        if t + 1 in (2, 5):
            scored.append(state["h"] @ weights["readout.weight"] + weights["readout.bias"][:, None])
    losses = torch.stack(scored, dim=2).square().mean((2, 3))
    states = [each[part] for part in parts for each in kept]
    weight, below, *arrived = torch.autograd.grad(losses.sum(), [flat, inputs, *states], materialize_grads=True)
    totals = {f"total {part}": torch.stack(arrived[5 * k : 5 * k + 5], dim=1) for k, part in enumerate(parts)}
    return {"losses": losses.detach(), "weights": weight, "inputs": below, **totals}


CASES = {**{name: (of(function), ("h",)) for name, function in ONE.items()},
         **{name: (step, ("h", "c")) for name, step in TWO.items()}}  # fmt: skip


@pytest.mark.parametrize(("step", "parts"), CASES.values(), ids=CASES)
def test_every_step_is_compiled_rightly_or_not_at_all(step: Step, parts: tuple[str, ...]) -> None:
    compiled, plain = networks(made(step, parts))
    one, two, three = numbers(compiled), numbers(plain), by_autograd(plain, step, parts)
    for name, value in two.items():
        torch.testing.assert_close(
            one[name], value, rtol=1e-9, atol=1e-12, msg=lambda text, name=name: f"{name}: {text}"
        )
    for name, value in three.items():
        torch.testing.assert_close(
            two[name], value, rtol=1e-9, atol=1e-12, msg=lambda text, name=name: f"{name}: {text}"
        )
