"""What a step may be made of: every way to run it gives what float64 autograd through the plain step gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.cells import Cell, Named, Parameter, gates
from harness.cells.base import as_in_a_step
from harness.cells.classic.rnn import RNN
from harness.cells.functions import (
    absolute,
    clamp,
    cos,
    exp,
    floor,
    fold,
    hard_sigmoid,
    join,
    largest,
    leaky_relu,
    log,
    maximum,
    mean,
    minimum,
    normalised,
    relu,
    repeat,
    sigmoid,
    silu,
    sin,
    softmax,
    softplus,
    sqrt,
    tanh,
    total,
    where,
)
from harness.cells.gated.lstm import LSTM
from harness.engine.network import Network
from harness.engine.scan.nodes import Untraceable
from harness.engine.scan.plan import plan, planned_step, with_vectors_kept
from harness.engine.weights import Architecture, MemberInit
from harness.testing import check_cell
from tests.engine.test_engine import by, make_data, measure

pytestmark = pytest.mark.usefixtures("compiled_as_written")


class Plain(Cell):
    """One product each, and whatever a test makes of it."""

    name = "plain"
    parts = ("h", "c")
    memory = "c"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        found = gates("a", "b", input_size=input_size, hidden_size=hidden_size)
        return found | {
            "peephole": Parameter((hidden_size,), "recurrent"),
            "gain": Parameter((1,), "constant", (0.7,)),
        }

    def read(self, w: Any, x: Any, s: Any) -> tuple[Any, Any]:
        return x @ w.x_a + s.h @ w.h_a + w.b_a, x @ w.x_b + w.b_b + s.h @ w.h_b


def cell_of(make: Callable[[Any, Any, Any, Any, Any], dict[str, Any]], **attributes: Any) -> Cell:
    """A cell whose step is ``make(a, b, w, x, s)`` of two pre-activations a and b."""

    def step(self: Any, w: Any, x: Any, s: Any) -> dict[str, Any]:
        return make(*self.read(w, x, s), w, x, s)

    made: Cell = type("Made", (Plain,), {"step": step, "__doc__": "Made for a test.", **attributes})()
    return made


FORMULAS: dict[str, Callable[..., dict[str, Any]]] = {
    "peephole and scalar gain": lambda a, b, w, x, s: {"h": tanh(a + w.peephole * s.c), "c": w.gain * s.c + tanh(b)},
    "one part from the other": lambda a, b, w, x, s: (lambda c: {"h": sigmoid(b) * tanh(c), "c": c})(s.c + tanh(a)),
    "a part handed on": lambda a, b, w, x, s: {"h": tanh(a + 0.1 * s.c), "c": s.h},
    "a part that is the old one and used besides": lambda a, b, w, x, s: {"h": tanh(a * s.c + b), "c": s.c},
    "both parts the same": lambda a, b, w, x, s: (lambda c: {"h": c, "c": c})(tanh(a + s.c)),
    "powers and quotients": lambda a, b, w, x, s: {
        "h": a**3 / (2.0 + b**2) - 1 / (3.0 + a**4), "c": 0.5 * s.c + (1.0 - a) / (1.5 + b * b),
    },
    "quotients by a number": lambda a, b, w, x, s: (
        lambda c: {"h": sigmoid(b) * tanh(c / 2), "c": c}
    )(s.c + 2 * tanh(a / 2)),
    "functions": lambda a, b, w, x, s: {
        "h": sin(a) + cos(b) + log(1.5 + a * a) + sqrt(1.0 + b * b), "c": exp(-absolute(a)) * s.c + softplus(b),
    },
    "kinks": lambda a, b, w, x, s: {
        "h": leaky_relu(a, 0.2) - relu(b) + hard_sigmoid(a), "c": clamp(b, -0.3, 0.3) + maximum(a, s.c) - minimum(b, a),
    },
    "decisions": lambda a, b, w, x, s: {"h": where(a > b, tanh(a), s.c), "c": where(b < 0.1, 0.5, b) + floor(3 * a)},
    "a decision that waits for a product": lambda a, b, w, x, s: {
        "h": where(w.peephole * s.c < 0.1, tanh(a), s.h), "c": where(s.c > 0.2, s.c, tanh(b)) + 0.3,
    },
    "sums over units": lambda a, b, w, x, s: {
        "h": normalised(tanh(a)) * 0.5 + mean(b), "c": softmax(a + s.c) + total(s.c * b) * 0.1 - largest(b),
    },
    "a softmax of a normalised sum": lambda a, b, w, x, s: {"h": softmax(normalised(a) * b), "c": silu(a)},
    "cut and joined": lambda a, b, w, x, s: {
        "h": join(a[..., 2:], b[..., :2]), "c": join(*(0.9 * s.c).split([1, a.shape[-1] - 1], dim=-1)[::-1]),
    },
    "inputs unit by unit": lambda a, b, w, x, s: {"h": tanh(a + total(x)), "c": join(x, x)[..., : a.shape[-1]] * b},
    "a product of the joined": lambda a, b, w, x, s: {
        "h": tanh(join(s.c[..., :2], s.h[..., 2:]) @ w.h_a + x @ w.x_a), "c": 0.5 * s.c + 0.1 * b,
    },
    "products in a row": lambda a, b, w, x, s: (
        lambda one: {"h": tanh(one @ w.h_b + (sigmoid(b) * one) @ w.h_a + x @ w.x_b), "c": 0.5 * one + 0.1 * s.c}
    )(tanh(a)),
    "a kink before a product": lambda a, b, w, x, s: (
        lambda one: {"h": tanh(one @ w.h_b + x @ w.x_b), "c": 0.5 * s.c + 0.1 * one}
    )(leaky_relu(a, 0.2)),
    "a transposed weight": lambda a, b, w, x, s: {"h": tanh(s.h @ w.h_a.mT + x @ w.x_a - s.c @ w.h_a), "c": tanh(b)},
    "a weight in pieces": lambda a, b, w, x, s: (
        lambda one, two: {"h": tanh(a + join(s.c @ one, s.c @ two)), "c": tanh(b) * repeat(total(s.c @ two), 4)}
    )(*w.h_b.chunk(2, dim=-1)),
    "a product of one column": lambda a, b, w, x, s: {
        "h": tanh(a + x @ w.x_b[..., 1:2]), "c": tanh(b - s.h @ w.h_b[..., :1] + total(x)),
    },
    "a sum of products that is read twice": lambda a, b, w, x, s: (
        lambda sums: {"h": tanh(sums) * sums, "c": 0.3 * s.c + sums @ w.h_b}
    )(x @ w.x_a + s.h @ w.h_a),
    "repeated and added up": lambda a, b, w, x, s: {
        "h": tanh(a + fold(repeat(a, 3, 2) * repeat(s.c, 3) * repeat(w.peephole, 3, 4), 3, 2)),
        "c": 0.5 * s.c + repeat(fold(b * s.h, 2), 2) * repeat(total(a), b.shape[-1]) + fold(b, b.shape[-1]),
    },
    "a part of the repeated": lambda a, b, w, x, s: {
        "h": tanh(repeat(join(a[..., 2:], b[..., :2]), 2)[..., 2:6]),
        "c": 0.5 * s.c + repeat(fold(join(a, b), 2, 2)[..., :2], 2),
    },
    "constants": lambda a, b, w, x, s: {"h": 0.0 * a + 0.25, "c": tanh(b) + 0.1 * s.c},
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_a_step_is_run_and_differentiated_the_same_in_every_way(name: str) -> None:
    cell = cell_of(FORMULAS[name])
    for features in (3, 4):  # with as many inputs as units, widths can no longer be told apart
        shape = Architecture(cell, features, 4, 2, 3)
        inits = [MemberInit(cell, k, "gaussian", 0.8 + 0.2 * k) for k in range(2)]
        network = Network.create(shape, inits, torch.float64, "cpu")
        network.flat += 0.1 * torch.randn(network.flat.shape, dtype=torch.float64, generator=torch.manual_seed(0))
        inputs, targets = make_data(network, steps=11, batch=18, scored=[4, 11])
        found = {
            way: measure(by(network, way), inputs, targets, [4, 11]) for way in ("compiled", "stepwise", "general")
        }
        for way in ("compiled", "stepwise"):
            for key in ("loss", "inputs", "weights", "states"):
                torch.testing.assert_close(found[way][key], found["general"][key], rtol=1e-10, atol=1e-11)


def test_a_part_of_which_one_piece_is_seen_from_above_has_the_total_of_each_piece() -> None:
    cell = cell_of(
        lambda a, b, w, x, s: {"h": join(tanh(a[..., :2]), sigmoid(a[..., 2:])), "c": tanh(b)},
        output=lambda self, w, x, s: s.c * total(s.h[..., 2:]),
    )
    network = Network.create(
        Architecture(cell, 3, 4, 2, 3), [MemberInit(cell, 0, "gaussian", 0.8)], torch.float64, "cpu", compiled=False
    )
    inputs, targets = make_data(network, steps=5, batch=3, scored=[2, 5])
    one, two = (measure(by(network, way), inputs, targets, [2, 5]) for way in ("stepwise", "general"))
    for key in ("loss", "inputs", "weights", "states"):
        torch.testing.assert_close(one[key], two[key], rtol=1e-10, atol=1e-11)


class Everything(Plain):
    """An output of another width, weights made of parameters, a state with parts of other widths, a clock."""

    name = "everything"
    parts = ("h", "c", "t")

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "input": Parameter((input_size, hidden_size), "dense"),
            "skew": Parameter((hidden_size, hidden_size), "recurrent"),
            "rates": Parameter((2 * hidden_size,), "drawn", draw=lambda rng: rng.uniform(0, 1, 2 * hidden_size)),
            "read": Parameter((2 * hidden_size, hidden_size + 1), "dense"),
        }

    def widths(self, hidden_size: int) -> dict[str, int]:
        return {"h": hidden_size, "c": 2 * hidden_size, "t": 1}

    def output_size(self, hidden_size: int) -> int:
        return hidden_size + 1

    def weights(self, p: Any) -> dict[str, Tensor]:
        return {**p, "orthogonal": torch.matrix_exp(p.skew - p.skew.mT), "decay": torch.exp(-torch.exp(p.rates))}

    def step(self, w: Any, x: Any, s: Any) -> dict[str, Any]:
        h = tanh(x @ w.input + s.h @ w.orthogonal)
        awake = where(s.t - 2 * floor(s.t * 0.5) < 1, 1.0, 0.5)
        return {"h": h, "c": w.decay * s.c + awake * join(h, h * h), "t": s.t + 1}

    def output(self, w: Any, x: Any, s: Any) -> Any:
        return tanh(s.c @ w.read) + total(x)


def test_a_cell_with_all_there_is_keeps_the_contract() -> None:
    check_cell(Everything())


def test_what_nobody_trains_gets_no_gradient_in_the_scan() -> None:
    class Fixed(Everything):
        """The same with constants."""

        name = "fixed"

        def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
            found = super().parameters(input_size, hidden_size)
            return found | {"read": replace(found["read"], trained=False)}

        def weights(self, p: Any) -> dict[str, Tensor]:
            return super().weights(p) | {"decay": torch.full_like(p.rates, 0.9)}

    def added_to(cell: Cell) -> set[str]:
        made = plan(cell, 3, 4)
        loops = [loop for phase in made.backward.phases for each in phase.passes for loop in each.loops]
        vectors = {store.dest.name for loop in loops for store in loop.stores if store.dest.buffer == "vector"}
        return vectors | {each.block.weight for each in made.matrices}

    assert added_to(Everything()) == {"input", "orthogonal", "decay", "read"}
    assert added_to(Fixed()) == {"input", "orthogonal"}
    assert Fixed().fixed(3, 4) == {"decay", "read"}


def test_weights_made_of_parameters_follow_them() -> None:
    cell = Everything()
    network = Network.create(
        Architecture(cell, 2, 3, 1, 1), [MemberInit(cell, 0, "gaussian", 1.0)], torch.float64, "cpu"
    )
    for _ in range(2):
        used = network.layer(1)["orthogonal"][0]
        torch.testing.assert_close(used @ used.T, torch.eye(3, dtype=torch.float64))
        assert network.spectral_radius() != [1.0]  # of the parameter that init draws and weight_scale scales
        before = used.clone()
        network.flat.mul_(1.5)
        assert not network.layer(1)["orthogonal"][0].equal(before)


def test_a_diagonal_recurrence_starts_as_the_diagonal_of_what_init_draws() -> None:
    for init, truth in (("identity", np.full(500, 0.9)), ("orthogonal", None)):
        cell = cell_of(FORMULAS["peephole and scalar gain"])
        network = Network.create(
            Architecture(cell, 1, 500, 1, 1), [MemberInit(cell, 0, init, 0.9)], torch.float64, "cpu"
        )
        found = network.layer(1)["peephole"][0].numpy()
        if truth is not None:
            np.testing.assert_array_equal(found, truth)
        else:
            assert {*found} == {0.9, -0.9}
            assert abs(found.mean()) < 0.15


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda a, b, w, x, s: {"h": a**0.5, "c": b}, "power of 0.5"),
        (lambda a, b, w, x, s: {"h": a.cumsum(-1), "c": b}, "cumsum"),
        (lambda a, b, w, x, s: {"h": torch.add(a, b, alpha=2), "c": b}, "torch.add"),
        (lambda a, b, w, x, s: {"h": a if (a > 0) else b, "c": b}, "decision"),
        (lambda a, b, w, x, s: {"h": torch.tensor(2.0) * a, "c": b}, "torch.mul"),
        (lambda a, b, w, x, s: {"h": a[..., ::2], "c": b}, "index"),
        (lambda a, b, w, x, s: {"h": repeat(tanh(a), 2, 2)[..., 1:5], "c": b}, "a part of what repeat gives"),
        (lambda a, b, w, x, s: {"h": a * fold(b, 3), "c": b}, "stretches of 1 units, 3 times, of 4 units"),
        (lambda a, b, w, x, s: {"h": a * b.sum(keepdim=True), "c": b}, r"sum\(dim=None, keepdim=True\)"),
        (lambda a, b, w, x, s: {"h": a}, "returns"),
        (lambda a, b, w, x, s: {"h": a + x, "c": b}, "units"),
    ],
)
def test_what_is_no_formula_says_what_stopped_it(make: Any, word: str) -> None:
    with pytest.raises(Untraceable, match=word):
        plan(cell_of(make), 3, 4)


def test_why_a_step_is_no_formula_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="harness.engine.scan.plan"):
        assert planned_step(cell_of(lambda a, b, w, x, s: {"h": a.cumsum(-1), "c": b}), 3, 4) is None
    (line,) = caplog.messages
    assert line.startswith("the step of cell plain is no formula, and runs by autograd: ")
    assert "cumsum" in line


@pytest.mark.parametrize("name", ["peephole and scalar gain", "repeated and added up", "sums over units"])
def test_gradients_of_weight_vectors_are_kept_beside_all_that_is_kept_anyway(name: str) -> None:
    made = plan(cell_of(FORMULAS[name]), 3, 4)
    stores, vectors, end = with_vectors_kept(made)
    kept = sorted((each.dest.offset, each.node.width) for each in stores if each.dest.buffer == "kept")
    assert [at for at, _ in kept] == [sum(width for _, width in kept[:place]) for place in range(len(kept))]
    assert end == sum(width for _, width in kept)
    before = {each.dest: each.node for each in made.backward.asked if each.dest.buffer == "kept"}
    assert before.items() <= {each.dest: each.node for each in stores}.items()
    # What is kept at a vector's place is what would be added to its gradient at once.
    added = {(s.dest.name, s.dest.offset): s.node for s in made.backward.asked if s.dest.buffer == "vector"}
    at = {each.dest.offset: each.node for each in stores if each.dest.buffer == "kept"}
    found = {}
    for each in vectors:
        unit = 0
        while unit < each.width:
            node = found[each.weight, each.offset + unit] = at[each.at + unit]
            unit += node.width
    assert found == added


def test_values_of_options_and_sizes_share_one_library() -> None:
    from harness.engine.scan.source import Source

    def leaky(leak: float) -> Cell:
        return cell_of(lambda a, b, w, x, s: {"h": leak * s.h + tanh(a), "c": tanh(b)})

    codes = {Source.of(plan(leaky(leak), 5, size), torch.float32).code for leak in (0.3, 0.7) for size in (6, 8)}
    assert len(codes) == 1


def test_products_are_as_few_as_can_be_and_nothing_is_computed_that_makes_no_difference() -> None:
    def counted(cell: Cell) -> list[int]:
        made = plan(cell, 5, 4)
        products = [sum(len(phase.products) for phase in each.phases) for each in (made.forward, made.backward)]
        return [*products, len(made.matrices)]

    # Forward x · W and h · W, backward to each, and for each weight: the gates stand side by side.
    assert counted(LSTM()) == [2, 2, 2]
    assert counted(RNN()) == [2, 2, 2]
    # A step of two pre-activations that are weights of their own: each product is one for itself.
    assert counted(cell_of(lambda a, b, w, x, s: {"h": tanh(a) * b, "c": s.c + b})) == [4, 4, 4]

    assert counted(cell_of(lambda a, b, w, x, s: {"h": tanh(a) * a, "c": 0.5 * s.c + b})) == [4, 4, 4]

    def operations(make: Callable[[Any, Any, Any, Any, Any], dict[str, Any]], way: str = "forward") -> list[str]:
        phases = getattr(plan(cell_of(make), 5, 4), way).phases
        return [node.op for phase in phases for each in phase.passes for loop in each.loops for node in loop.nodes]

    # Of a sum that a function alone reads, its value is stored: going back, it is not computed again.
    back = operations(lambda a, b, w, x, s: {"h": tanh(a) * sigmoid(b), "c": 0.5 * s.c}, "backward")
    assert {"tanh", "sigmoid"}.isdisjoint(back)

    plain = operations(lambda a, b, w, x, s: {"h": tanh(a), "c": s.c * b})
    assert operations(lambda a, b, w, x, s: {"h": 1 * tanh(a / 1) - 0, "c": 0 + s.c * (b * 1.0 + 0)}) == plain


def test_a_state_is_named_as_a_dictionary_and_by_attributes() -> None:
    state = Named({"h": 1, "c": 2})
    assert (state.h, state["c"]) == (1, 2)
    with pytest.raises(AttributeError, match="there is no m; there are h, c"):
        _ = state.m
    assert as_in_a_step({"b": torch.ones(3, 4), "w": torch.ones(3, 4, 4)}).b.shape == (3, 1, 4)
