"""Steps of modules as equations: every operation that is known, as torch has it, and what is none of them refused."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from harness.base.errors import UserError
from harness.cells._equations import equations
from harness.cells._form import form_of, part_names
from harness.cells._of_torch import AsEquations
from harness.cells._tape import Tape, Unreadable
from harness.cells.base import as_in_a_step

FEATURES, UNITS = 3, 6

OPERATIONS: dict[str, Callable[[Tensor, Tensor, dict[str, Tensor]], Tensor]] = {
    "add": lambda a, b, p: a + b,
    "add, a multiple": lambda a, b, p: torch.add(a, b, alpha=3),
    "sub": lambda a, b, p: a - b,
    "sub, a multiple": lambda a, b, p: torch.sub(a, b, alpha=3),
    "from one": lambda a, b, p: 1 - a,
    "rsub": lambda a, b, p: torch.rsub(a, b),
    "rsub, a multiple": lambda a, b, p: torch.rsub(a, b, alpha=3),
    "mul": lambda a, b, p: a * b,
    "div": lambda a, b, p: a / (b * b + 1),
    "neg": lambda a, b, p: -a,
    "reciprocal": lambda a, b, p: torch.reciprocal(a * a + 1),
    "one by it": lambda a, b, p: 1 / (a * a + 1),
    "pow": lambda a, b, p: a**3,
    "mm": lambda a, b, p: a @ p["turn"],
    "addmm": lambda a, b, p: torch.addmm(p["gain"], a, p["turn"]),
    "addmm, multiples": lambda a, b, p: torch.addmm(b, a, p["turn"], beta=2, alpha=3),
    "linear": lambda a, b, p: functional.linear(a, p["turn"], p["gain"]),
    "sigmoid": lambda a, b, p: torch.sigmoid(a),
    "tanh": lambda a, b, p: torch.tanh(a),
    "relu": lambda a, b, p: torch.relu(a),
    "relu6": lambda a, b, p: functional.relu6(4 * a),
    "exp": lambda a, b, p: torch.exp(a),
    "log": lambda a, b, p: torch.log(a * a + 1),
    "log1p": lambda a, b, p: torch.log1p(a * a),
    "sqrt": lambda a, b, p: torch.sqrt(a * a + 1),
    "sin": lambda a, b, p: torch.sin(a),
    "cos": lambda a, b, p: torch.cos(a),
    "abs": lambda a, b, p: torch.abs(a),
    "silu": lambda a, b, p: functional.silu(a),
    "gelu": lambda a, b, p: functional.gelu(a, approximate="tanh"),
    "softplus": lambda a, b, p: functional.softplus(a),
    "softplus, steeper": lambda a, b, p: functional.softplus(a, beta=3),
    "softplus, with a threshold": lambda a, b, p: functional.softplus(a, beta=2, threshold=0.5),
    "leaky relu": lambda a, b, p: functional.leaky_relu(a, 0.2),
    "elu": lambda a, b, p: functional.elu(a),
    "elu, deeper": lambda a, b, p: functional.elu(a, alpha=1.7),
    "selu": lambda a, b, p: functional.selu(a),
    "hardsigmoid": lambda a, b, p: functional.hardsigmoid(4 * a),
    "hardtanh": lambda a, b, p: functional.hardtanh(4 * a),
    "hardtanh of torch's own bounds": lambda a, b, p: torch.ops.aten.hardtanh(4 * a),
    "hardtanh, other bounds": lambda a, b, p: functional.hardtanh(a, -0.3, 0.6),
    "clamp": lambda a, b, p: a.clamp(-0.3, 0.6),
    "clamp from below": lambda a, b, p: a.clamp(min=0.2),
    "clamp from above": lambda a, b, p: a.clamp(max=0.2),
    "maximum": lambda a, b, p: torch.maximum(a, b),
    "minimum": lambda a, b, p: torch.minimum(a, b),
    "where greater": lambda a, b, p: torch.where(a > b, a, 2 * b),
    "where less": lambda a, b, p: torch.where(a < b, a, 2 * b),
    "softmax": lambda a, b, p: torch.softmax(a, dim=-1),
    "layer norm": lambda a, b, p: functional.layer_norm(a, (UNITS,)),
    "layer norm with a gain": lambda a, b, p: functional.layer_norm(a, (UNITS,), p["gain"], eps=0.1),
    "layer norm with all": lambda a, b, p: functional.layer_norm(a, (UNITS,), p["gain"], p["bias"]),
    "sum": lambda a, b, p: a * b.sum(dim=-1, keepdim=True),
    "mean": lambda a, b, p: a * b.mean(dim=1, keepdim=True),
    "cat": lambda a, b, p: torch.cat([a[:, :2], b[:, 2:]], dim=1),
    "chunk": lambda a, b, p: torch.cat(a.chunk(3, dim=-1)[::-1], dim=1),
    "split": lambda a, b, p: torch.cat(a.split(4, dim=-1)[::-1], dim=1),
    "split into sizes": lambda a, b, p: torch.cat(a.split([1, 2, 3], dim=-1)[::-1], dim=-1),
    "every other one": lambda a, b, p: torch.cat([a[:, 1::2], b[:, ::2]], dim=-1),
    "the last ones": lambda a, b, p: torch.cat([a[:, -2:], b[:, :4]], dim=-1),
    "detach": lambda a, b, p: a.detach() * b,
    "clone": lambda a, b, p: a.clone(),
    "in place": lambda a, b, p: a.clone().mul_(2).add_(b),
    "of parameters alone": lambda a, b, p: a @ (p["turn"] - p["turn"].T).exp() + p["gain"] * p["bias"].sigmoid(),
    "a constant": lambda a, b, p: a * torch.arange(1.0, 7).to(a) + torch.tensor(0.5).to(a),
    "one parameter twice": lambda a, b, p: (a @ p["turn"]) @ p["turn"] * p["gain"] + p["gain"],
    "no number": lambda a, b, p: torch.log(a),
}
"""A function of two vectors of units, and of parameters."""


def parameters() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    shapes = {"read": (FEATURES, UNITS), "turn": (UNITS, UNITS), "gain": (UNITS,), "bias": (UNITS,)}
    return {name: torch.randn(*shape, generator=generator).double() / 2 for name, shape in shapes.items()}


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_read_and_gives_what_torch_gives(name: str) -> None:
    def run(p: dict[str, Tensor], x: Tensor, state: Sequence[Tensor]) -> list[Tensor]:
        return [OPERATIONS[name](x @ p["read"], state[0], p), state[1] * 0.5 + x @ p["read"]]

    found = equations(run, parameters(), FEATURES, [UNITS, UNITS])
    members = [{key: value * (1 + k) for key, value in parameters().items()} for k in range(2)]
    stacked = {key: torch.stack([own[key] for own in members]) for key in parameters()}
    x, *state = numbers(2, 4, FEATURES), numbers(2, 4, UNITS), numbers(2, 4, UNITS)
    made = found.new_state(as_in_a_step(found.weights(stacked)), x, state)
    for k, own in enumerate(members):
        for mine, theirs in zip(made, run(own, x[k], [part[k] for part in state]), strict=True):
            torch.testing.assert_close(mine[k], theirs, rtol=1e-12, atol=1e-14, equal_nan=True)


def test_a_step_is_compared_at_parameters_near_the_modules_own() -> None:
    """Others may be none that it can be run with: torch refuses this entropy of what is not between 0 and 1."""

    def run(p: dict[str, Tensor], x: Tensor, state: Sequence[Tensor]) -> list[Tensor]:
        return [state[0] * functional.binary_cross_entropy(p["share"], p["share"], reduction="none") + x @ p["read"]]

    shares = torch.full((UNITS,), 0.5, dtype=torch.float64)
    found = equations(run, {"read": parameters()["read"], "share": shares}, FEATURES, [UNITS])
    assert len(found.before) == 1


class Lying(torch.autograd.Function):
    """Twice a number, with the derivative of three times it."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(context: Any, grad: Tensor) -> Tensor:
        return 3 * grad


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("size", [1e-3, 1.0])
def test_another_derivative_than_that_of_the_operations_is_refused_in_every_part(part: int, size: float) -> None:
    def run(p: dict[str, Tensor], x: Tensor, state: Sequence[Tensor]) -> list[Tensor]:
        made = [x @ p["read"] + own for own in state]
        made[part] = Lying.apply(made[part] * size)
        return made

    with pytest.raises(Unreadable, match="what it does is not all done by operations of torch on its inputs"):
        equations(run, parameters(), FEATURES, [UNITS, UNITS])


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (lambda a, p: a.cumsum(dim=1), "torch.cumsum is none of the operations of formulas"),
        (lambda a, p: a @ a.T @ a, "torch.permute is none of the operations of formulas"),
        (lambda a, p: a - a.mean(dim=0), "torch.mean gives a tensor of 1 dimensions, or across samples"),
        (lambda a, p: a + a.flip(0), "torch.flip"),
        (lambda a, p: a[:1].expand(len(a), -1) + a, "torch.slice gives a tensor of 2 dimensions, or across samples"),
        (lambda a, p: a - a.mean(dim=0, keepdim=True), "torch.mean gives a tensor of 2 dimensions, or across samples"),
        (lambda a, p: p["gain"].expand_as(a) * 1.0, "depends on nothing that it is given"),
        (lambda a, p: a * p["turn"][:, :1].repeat(1, 6)[: len(a)], "or mixes samples"),
        (lambda a, p: functional.gelu(a), "torch.gelu without approximate"),
    ],
)
def test_what_is_no_equation_of_units_says_what_stopped_it(
    step: Callable[[Tensor, dict[str, Tensor]], Tensor], why: str
) -> None:
    def run(p: dict[str, Tensor], x: Tensor, state: Sequence[Tensor]) -> list[Tensor]:
        return [step(x @ p["read"] + state[0], p)]

    with pytest.raises(Unreadable) as error:
        equations(run, parameters(), FEATURES, [UNITS])
    assert why in str(error.value)


def test_reading_a_step_does_not_load_the_compiler_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:

    class Own(Tape):  # as torch keeps with a class what it has loaded for it
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return super().__torch_dispatch__(function, types, args, kwargs)

    monkeypatch.setitem(sys.modules, "torch._dynamo", None)
    x, gain = numbers(4, UNITS), numbers(UNITS)
    with torch.no_grad(), Own({"gain": gain}, [x]) as tape:
        made = x * gain
    assert len(tape.step) == 1
    assert tape.results([made])


@pytest.mark.parametrize("turned", [lambda each: each.T, lambda each: each.t(), lambda each: each.transpose(0, 1)])
def test_weights_in_use_are_named_after_the_parameters_that_they_come_from(turned: Callable[[Tensor], Tensor]) -> None:
    def run(p: dict[str, Tensor], x: Tensor, state: Sequence[Tensor]) -> list[Tensor]:
        return [
            torch.tanh(x @ p["read"] + state[0] @ turned(p["turn"]) + p["bias"]) + p["bias"] + torch.ones(UNITS).to(x)
        ]

    found = equations(run, parameters(), FEATURES, [UNITS])
    assert {name: units for name, (_, units) in found.used.items()} == {
        "read": None, "turn": None, "bias": UNITS, "constant": UNITS,
    }  # fmt: skip
    assert len(found.before) == 1  # the transpose


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["RNNCell", "GRUCell", "LSTMCell", "RNNCell, relu"])
def test_torchs_cells_as_equations_are_torchs_cells(kind: str, bias: bool) -> None:
    name, _, function = kind.partition(", ")
    made = getattr(torch.nn, name)(
        FEATURES, UNITS, bias=bias, **({"nonlinearity": function} if function else {})
    ).double()
    x, h, c = numbers(4, FEATURES), numbers(4, UNITS), numbers(4, UNITS) * 2
    state = (h, c) if name == "LSTMCell" else h
    wanted = made(x, state)
    with AsEquations():
        found = made(x, state)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-14)
    with AsEquations():
        torch.testing.assert_close(made(x), made(x, None))  # other operations are torch's own
        torch.testing.assert_close(torch.clamp(x, min=0.1, max=0.3), x.clip(0.1, 0.3))


class InTuple(torch.nn.RNNCell):
    """Its state is a tuple of one tensor."""

    def forward(self, x: Tensor, state: tuple[Tensor] | None = None) -> tuple[Tensor]:  # type: ignore[override]
        return (super().forward(x, x.new_zeros(len(x), self.hidden_size) if state is None else state[0]),)


def test_a_state_may_be_a_tuple_of_one_tensor() -> None:
    module = InTuple(FEATURES, UNITS)
    form = form_of(module, "it", FEATURES, UNITS)
    assert (form.widths, form.carried, form.alone) == ({"h": UNITS}, ["h"], False)
    assert form.equations is not None
    x, h = numbers(4, FEATURES), numbers(4, UNITS)
    module = module.double()
    weights = {name: value.detach() for name, value in module.named_parameters()}
    torch.testing.assert_close(form.run_one(module, weights, x, [h])[0], torch.nn.RNNCell.forward(module, x, h))


class Triple(torch.nn.RNNCell):
    """Gives more than an output and a state."""

    def forward(self, x: Tensor, h: Tensor) -> Any:  # type: ignore[override]
        made = super().forward(x, h)
        return made, made, made


class Unalike(torch.nn.RNNCell):
    """What it gives beside its output is not like the state that it takes."""

    def forward(self, x: Tensor, h: Tensor) -> Any:  # type: ignore[override]
        made = super().forward(x, h)
        return made, torch.cat([made, made], dim=1)


@pytest.mark.parametrize("made", [Triple, Unalike])
def test_what_gives_something_else_than_a_state_is_no_cell(made: type[torch.nn.Module]) -> None:
    with pytest.raises(UserError, match=r"it does not map \(x, state\) to a state"):
        form_of(made(FEATURES, UNITS), "it", FEATURES, UNITS)


def test_parts_of_a_state_have_the_names_of_the_field_and_then_numbers() -> None:
    assert [part_names(count) for count in (1, 2, 3, 5)] == [
        ["h"], ["h", "c"], ["h", "c", "part3"], ["h", "c", "part3", "part4", "part5"],
    ]  # fmt: skip
