"""Ω and its immediate derivative against autograd through a plain loop, in double precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.cells.base import Cell, Named, as_in_a_step
from harness.engine.dropout import Masks
from harness.engine.gradient_penalty import gradient_penalty
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit
from harness.plugins.registry import registry

STEPS, BATCH, INPUTS, WIDTH, CLASSES = 4, 4, 2, 4, 3
"""A member's numbers at a step fill registers of any processor: torch rounds what is left over in another way."""


def network(cell: Cell, layers: int = 1, members: int = 2, compiled: bool = False) -> Network:
    shape = Architecture(cell, INPUTS, WIDTH, layers, CLASSES)
    inits = [MemberInit(cell, seed, "orthogonal", 0.8) for seed in range(members)]
    return Network.create(shape, inits, torch.float64, "cpu", compiled)


def made(name: str) -> Cell:
    cell: Cell = registry().get("cell", name)()
    return cell


def inputs_of(members: int = 2) -> Tensor:
    return torch.randn(members, STEPS, BATCH, INPUTS, generator=torch.Generator().manual_seed(3)).double()


def loss(outputs: Tensor) -> Tensor:
    """Of outputs (…, S, classes): something that is not alike for steps and samples."""
    return (outputs.square() * torch.linspace(1, 2, CLASSES)).sum((-1, -2)) / 2


def found_of(
    net: Network, inputs: Tensor, scored: list[int], members: list[int], masks: Masks | None = None
) -> tuple[Tensor, Tensor]:
    kept = net.step_gradients(inputs, totals=True)
    with torch.no_grad():
        net.gradients(inputs, scored, loss, torch.zeros_like(net.flat), kept, masks=masks)
        return gradient_penalty(net, inputs, kept, members, masks=masks)


def expected_of(
    net: Network, inputs: Tensor, scored: list[int], member: int, masks: Masks | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Ω of one member and its derivative by the recurrent weights, by name."""
    shape = net.shape
    parameters = {name: value[member : member + 1].clone().requires_grad_() for name, value in net.weights.items()}
    used, cells = [], net.cells
    for layer, cell in enumerate(cells, 1):
        own = {n.partition(".")[2]: v for n, v in parameters.items() if n.startswith(f"layer{layer}.")}
        used.append(as_in_a_step(cell.weights(Named(own))))
    widths = shape.cell.widths(WIDTH)

    def parts(joined: Tensor) -> Named[Tensor]:
        return Named(zip(widths, joined.split(list(widths.values()), -1), strict=True))

    def step(layer: int, x: Tensor, joined: Tensor) -> Tensor:
        return torch.cat([cells[layer].step(used[layer], x, parts(joined))[part] for part in widths], -1)

    states = [[torch.zeros(1, BATCH, sum(widths.values()), dtype=torch.float64)] for _ in cells]
    entered: list[list[Tensor]] = [[] for _ in cells]
    seen = []
    for t in range(STEPS):
        x = inputs[member : member + 1, t]
        for layer, cell in enumerate(cells):
            entered[layer].append(x)
            states[layer].append(step(layer, x, states[layer][-1]))
            x = cell.output(used[layer], x, parts(states[layer][-1]))
            if masks and layer < len(cells) - 1:
                x = x * masks.factors[layer][member : member + 1, t]
        seen.append(x)
    hidden = torch.stack([seen[t - 1] for t in scored], 2)
    error = loss(hidden @ parameters["readout.weight"] + parameters["readout.bias"]).sum()
    omega = torch.zeros((), dtype=torch.float64)
    for layer in range(len(cells)):
        deltas = torch.autograd.grad(error, states[layer][1:], retain_graph=True, materialize_grads=True)
        terms = []
        for t, delta in enumerate(deltas):
            for b in range(BATCH):
                if delta[:, b].any():
                    before = states[layer][t][:, b : b + 1].detach().requires_grad_()
                    after = step(layer, entered[layer][t][:, b : b + 1].detach(), before)
                    (back,) = torch.autograd.grad(after, before, delta[:, b : b + 1], create_graph=True)
                    terms.append((back.norm() / delta[:, b].norm() - 1) ** 2)
        omega = omega + torch.stack(terms).mean()
    recurrent = [name for name, each in shape.parameters().items() if each.kind == "recurrent" and each.trained]
    grads = torch.autograd.grad(omega, [parameters[name] for name in recurrent], materialize_grads=True)
    return omega.detach(), dict(zip(recurrent, grads, strict=True))


def assert_as_expected(net: Network, scored: list[int], masks: Masks | None = None) -> None:
    inputs = inputs_of()
    omega, flat = found_of(net, inputs, scored, [0, 1], masks)
    grads = Network(net.shape, flat).weights
    for member in (0, 1):
        value, expected = expected_of(net, inputs, scored, member, masks)
        torch.testing.assert_close(omega[member], value, rtol=1e-9, atol=1e-12)
        for name, found in grads.items():
            wanted = expected[name][0] if name in expected else torch.zeros_like(found[member])
            torch.testing.assert_close(found[member], wanted, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "cornn", "cayley_rnn", "ind_rnn", "ran"])
def test_a_step_that_changes_the_gradients_length_is_penalised_whatever_the_cell(name: str) -> None:
    """One part of the state and several, made of one another or not; matrices, diagonals, weights made of others."""
    assert_as_expected(network(made(name)), [2, 4])


@pytest.mark.parametrize("compiled", [False, True])
def test_layers_each_add_theirs_and_steps_without_a_gradient_do_not_count(compiled: bool) -> None:
    assert_as_expected(network(made("lstm"), layers=2, compiled=compiled), [3])


def test_a_layer_reads_what_dropout_lets_through() -> None:
    factors = torch.tensor([0.0, 2.0]).repeat(2 * STEPS * BATCH * WIDTH // 2).view(2, STEPS, BATCH, WIDTH).double()
    net = network(made("gru"), layers=2)
    assert_as_expected(Network(net.shape, net.flat, compiled=False, recompute=True), [3, 4], Masks([factors]))


def test_of_a_plain_rnn_it_is_what_the_paper_writes() -> None:
    """h' = tanh(x U + h W + b): the gradient by h is δ · diag(1 - h'²) · Wᵀ."""
    net, inputs = network(made("rnn"), members=1), inputs_of(1)
    w = net.weights["layer1.recurrent"][0].clone().requires_grad_()
    u, b = net.weights["layer1.input"][0], net.weights["layer1.bias"][0]
    states = [torch.zeros(BATCH, WIDTH, dtype=torch.float64)]
    for t in range(STEPS):
        states.append(torch.tanh(inputs[0, t] @ u + states[-1] @ w + b))
    outputs = (states[-1] @ net.weights["readout.weight"][0] + net.weights["readout.bias"][0])[:, None]
    deltas = torch.autograd.grad(loss(outputs).sum(), states[1:])
    omega: Tensor = torch.zeros((), dtype=torch.float64)
    for t, delta in enumerate(deltas):
        new = torch.tanh(inputs[0, t] @ u + states[t].detach() @ w + b)
        back = (delta * (1 - new**2)) @ w.T
        omega = omega + ((back.norm(dim=1) / delta.norm(dim=1) - 1) ** 2).mean() / STEPS
    (expected,) = torch.autograd.grad(omega, w)
    value, flat = found_of(net, inputs, [STEPS], [0])
    torch.testing.assert_close(value[0], omega.detach())
    torch.testing.assert_close(Network(net.shape, flat).weights["layer1.recurrent"][0], expected)


def test_a_step_that_keeps_every_length_is_not_penalised() -> None:
    net = network(made("linear"))
    net.weights["layer1.recurrent"].copy_(torch.linalg.qr(torch.randn(2, WIDTH, WIDTH).double())[0])
    value, flat = found_of(net, inputs_of(), [STEPS], [0, 1])
    torch.testing.assert_close(value, torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(flat, torch.zeros_like(flat))


def test_other_members_sequences_in_pieces_and_rows_in_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    net, inputs = network(made("lstm")), inputs_of()
    value, flat = found_of(net, inputs, [2, 4], [0, 1])
    some, flat_of_some = found_of(net, inputs, [2, 4], [1])
    assert torch.equal(flat_of_some[1], flat[1])
    assert (some[0], some[1]) == (0, value[1])
    assert not flat_of_some[0].any()
    alone, flat_alone = found_of(net.only([1]), inputs[1:], [2, 4], [0])
    assert (alone[0], flat_alone[0].tolist()) == (value[1], flat[1].tolist())
    monkeypatch.setattr("harness.engine.gradient_penalty.ROOM", 1)
    for each in (net, Network(net.shape, net.flat, compiled=False, recompute=True)):
        in_pieces, flat_in_pieces = found_of(each, inputs, [2, 4], [0, 1])
        torch.testing.assert_close(in_pieces, value)
        torch.testing.assert_close(flat_in_pieces, flat)


def test_it_starts_from_the_states_given_and_skips_what_is_not_finite() -> None:
    net, inputs = network(made("rnn")), inputs_of()
    start = [Named({"h": torch.full((2, BATCH, WIDTH), 0.5, dtype=torch.float64)})]
    kept = net.step_gradients(inputs, totals=True)
    with torch.no_grad():
        net.gradients(inputs, [4], loss, torch.zeros_like(net.flat), kept, start=start)
        started, _ = gradient_penalty(net, inputs, kept, [0, 1], start)
        unstarted, _ = gradient_penalty(net, inputs, kept, [0, 1])
        kept[1].totals["h"][0, :, 0] = torch.inf
        kept[1].totals["h"][0, :, 1] = torch.nan
        some, flat = gradient_penalty(net, inputs, kept, [0, 1], start)
    assert started.ne(unstarted).all()
    assert some.isfinite().all()
    assert flat.isfinite().all()
    assert (some[0] != started[0], some[1] == started[1]) == (True, True)


def test_samples_that_end_earlier_count_with_the_steps_that_they_have() -> None:
    net, inputs, ends = network(made("lstm"), members=1), inputs_of(1), [2, 4, 3, 4]
    lengths = torch.tensor([ends])
    own = torch.nn.functional.one_hot(lengths - 1, STEPS)[..., None]
    kept = net.step_gradients(inputs, totals=True)
    with torch.no_grad():
        every = list(range(1, STEPS + 1))
        net.gradients(
            inputs, every, lambda outputs: loss(outputs * own), torch.zeros_like(net.flat), kept, lengths=lengths
        )
        value, flat = gradient_penalty(net, inputs, kept, [0], lengths=lengths)
    alone = [found_of(net, inputs[:, :end, [b]], [end], [0]) for b, end in enumerate(ends)]
    torch.testing.assert_close(value, sum(end * each[0] for end, each in zip(ends, alone, strict=True)) / sum(ends))
    torch.testing.assert_close(flat, sum(end * each[1] for end, each in zip(ends, alone, strict=True)) / sum(ends))
