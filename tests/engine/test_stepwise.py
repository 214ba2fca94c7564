"""The scans that torch runs step by step, against autograd through the cell's own steps."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import Tensor

from harness.cells import Cell, Named, State, Weights
from harness.cells.base import as_in_a_step
from harness.cells.classic.rnn import RNN
from harness.cells.functions import exp, softmax
from harness.cells.gated.lstm import LSTM
from harness.engine.network import Network
from harness.engine.scan.general import GeneralScanner
from harness.engine.scan.interface import BackwardPass, GradFromAbove
from harness.engine.scan.stepwise import StepwiseScanner
from harness.engine.weights import Architecture, MemberInit

MEMBERS, STEPS, BATCH, FEATURES, WIDTH = 2, 11, 3, 4, 4
EXACT = {"rtol": 1e-11, "atol": 1e-13}


class Shares(RNN):
    """Its state are shares of a whole."""

    name: ClassVar[str] = "shares"

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": softmax(x @ w.input + s.h @ w.recurrent + w.bias)}


class Growing(RNN):
    """Its state grows beyond any number where what enters is large."""

    name: ClassVar[str] = "growing"

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": 0.1 * exp(x @ w.input + s.h @ w.recurrent + w.bias)}


class Straight(RNN):
    """The same of inputs that are added unit by unit, besides."""

    name: ClassVar[str] = "straight"

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": 0.1 * exp(x + x @ w.input + s.h @ w.recurrent + w.bias)}


def network(cell: Cell) -> Network:
    inits = [MemberInit(cell, seed, "gaussian", 0.9) for seed in range(MEMBERS)]
    shape = Architecture(cell, FEATURES, WIDTH, 1, 2)
    made = Network.create(shape, inits, torch.float64, "cpu", compiled=False)
    assert isinstance(made.scanners[0], StepwiseScanner)
    return made


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def by_autograd(
    cell: Cell, weights: Weights, x: Tensor, start: State, above: Tensor, carry: State, lengths: Tensor
) -> tuple[Weights, Tensor, State]:
    """The derivatives of outputs times ``above`` and last states times ``carry``, by weights, inputs and start."""
    with torch.enable_grad():
        w = Named({name: value.clone().requires_grad_() for name, value in weights.items()})
        x = x.clone().requires_grad_()
        first = Named({part: value.clone().requires_grad_() for part, value in start.items()})
        state, loss = first, torch.zeros((), dtype=torch.float64)
        for t in range(x.shape[1]):
            made = cell.step(as_in_a_step(w), x[:, t], state)
            goes_on = (t < lengths)[..., None]
            state = Named({part: torch.where(goes_on, made[part], old) for part, old in state.items()})
            loss = loss + (above[:, t] * state["h"] * goes_on).sum()
        loss = loss + sum((carry[part] * state[part]).sum() for part in state)
        leaves = [*w.values(), x, *first.values()]
        found = iter(torch.autograd.grad(loss, leaves, materialize_grads=True))
    of_weights = Named({name: next(found) for name in w})
    return of_weights, next(found), Named({part: next(found) for part in first})


@pytest.mark.parametrize("cell", [RNN(), LSTM(), Shares(), Growing(), Straight()], ids=lambda cell: cell.name)
@pytest.mark.parametrize("ends", [[[11, 11, 11]] * 2, [[1, 11, 4], [8, 9, 0]]], ids=["together", "apart"])
def test_gradients_are_autograds_also_by_the_start_and_through_steps_after_these(
    cell: Cell, ends: list[list[int]]
) -> None:
    """More steps than go into the gradients together. Of samples that have ended nothing comes from later ones."""
    made, lengths, x = network(cell), torch.tensor(ends), drawn(1, MEMBERS, STEPS, BATCH, FEATURES)
    widths = cell.widths(WIDTH)
    start, carry = (
        Named({part: drawn(seed + n, MEMBERS, BATCH, width) for n, (part, width) in enumerate(widths.items())})
        for seed in (10, 20)
    )
    carry = Named({part: value * (lengths == STEPS)[..., None] for part, value in carry.items()})
    scored = [4, 8, STEPS]
    above = torch.zeros(MEMBERS, STEPS, BATCH, WIDTH, dtype=torch.float64)
    for step in scored:
        above[:, step - 1] = drawn(step, MEMBERS, BATCH, WIDTH)
    weights = made.layer(1)
    expected = by_autograd(cell, weights, x, start, above, carry, lengths)
    trace = made.scanners[0].forward(weights, x, start, made.buffers[0], lengths)
    entering = GradFromAbove(scored, above[:, [step - 1 for step in scored]])
    grad = Named({name: torch.zeros_like(value) for name, value in weights.items()})
    by_input = trace.backward(BackwardPass(weights, entering, carry, grad))
    torch.testing.assert_close(by_input, expected[1], **EXACT)
    for name, value in expected[0].items():
        torch.testing.assert_close(grad[name], value, **EXACT)
    for part, value in expected[2].items():
        torch.testing.assert_close(carry[part], value, **EXACT)


@pytest.mark.parametrize("cell", [RNN(), Straight()], ids=lambda cell: cell.name)
def test_where_nobody_asks_for_the_gradient_of_the_inputs_all_others_are_the_same(cell: Cell) -> None:
    made, x = network(cell), drawn(1, MEMBERS, STEPS, BATCH, FEATURES)
    weights, start, found = made.layer(1), made.zero_states(BATCH)[0], []
    trace = made.scanners[0].forward(weights, x, start, made.buffers[0])
    for asked in (True, False):
        above = GradFromAbove([2, STEPS], drawn(2, MEMBERS, 2, BATCH, WIDTH))
        carry = Named({"h": drawn(3, MEMBERS, BATCH, WIDTH)})
        grad = Named({name: torch.zeros_like(value) for name, value in weights.items()})
        by_input = trace.backward(BackwardPass(weights, above, carry, grad, need_input_grad=asked))
        assert (by_input is not None) == asked
        found.append([carry["h"], *grad.values()])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("cell", [Growing(), Straight()], ids=lambda cell: cell.name)
def test_no_gradient_is_handed_down_after_a_samples_end_whatever_stands_there(cell: Cell) -> None:
    """Also of one that has ended before the piece that is run."""
    made, lengths = network(cell), torch.tensor([[2, 0, 11], [11, 1, 7]])
    after = torch.arange(1, STEPS + 1)[:, None] > lengths[:, None]
    found = []
    for fill in (0.0, 1e4):
        x = drawn(1, MEMBERS, STEPS, BATCH, FEATURES).masked_fill(after[..., None], fill)
        weights, start = made.layer(1), made.zero_states(BATCH)[0]
        trace = made.scanners[0].forward(weights, x, start, made.buffers[0], lengths)
        above = GradFromAbove([STEPS], drawn(2, MEMBERS, 1, BATCH, WIDTH))
        grad = Named({name: torch.zeros_like(value) for name, value in weights.items()})
        found.append(trace.backward(BackwardPass(weights, above, made.zero_states(BATCH)[0], grad)))
    assert torch.equal(*found)
    assert (found[0].abs().sum(-1) > 0).equal(~after & (lengths == STEPS)[:, None])


@pytest.mark.parametrize("way", ["stepwise", "stepwise in spans", "general", "general in spans"])
def test_numbers_that_overflow_after_a_samples_end_reach_no_gradient(way: str) -> None:
    made, lengths = network(Growing()), torch.tensor([[2, 5, 11], [11, 1, 7]])
    made.recompute = way.endswith("in spans")
    if way.startswith("general"):
        made.scanners = [GeneralScanner(made.cells[0], FEATURES, made.cells[0].widths(WIDTH))]
    after = torch.arange(1, STEPS + 1)[:, None] > lengths[:, None]
    last = torch.arange(1, STEPS + 1) == lengths[..., None]
    grads = []
    for fill in (0.0, 1e4):
        x = drawn(1, MEMBERS, STEPS, BATCH, FEATURES).masked_fill(after[..., None], fill)
        flat = torch.zeros_like(made.flat)
        made.gradients(
            x, list(range(1, STEPS + 1)), lambda said: (said.square().sum(-1) * last).sum(-1), flat, lengths=lengths
        )
        grads.append(flat)
    assert grads[0].abs().amax(dim=1).gt(0.01).all()
    assert torch.equal(*grads)
