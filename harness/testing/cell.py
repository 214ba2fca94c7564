"""The contract of cells."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.cells.base import Cell, Named, Weights, as_in_a_step
from harness.engine.network import Network
from harness.engine.scan.general import new_state
from harness.engine.weights import Architecture, MemberInit, layers, views
from harness.testing._problems import Problems, check_registration, small_runs
from harness.training.pack import run

MEMBERS, STEPS, BATCH, FEATURES, SIZE, LAYERS, OUTPUTS = 3, 7, 4, 3, 5, 2, 2
SCORED = [3, 7]

SMALL = 1e-5
"""Step of the finite differences; their error is about its square."""

NEGLIGIBLE = 1e-5
"""Share of the largest gradient from which on smaller ones are compared as if they were as large."""


def check_cell(cell: Cell) -> None:
    """Check a cell against everything that the harness relies on.

    Its name and documented options; states as it declares them; whether it has a memory, as it says; that the engine's
    outputs, gradients of all weights and inputs, and the gradient at every step, compiled and not, equal those of
    float64 autograd through the plain step, and these finite differences; that members and samples do not mix; that a
    run trains.

    Raises:
        ContractError: one line per problem.
    """
    problems = Problems("cell", cell)
    check_registration(problems, type(cell))
    parts = list(cell.widths(SIZE))
    problems.unless(cell.memory in parts, f"memory = {cell.memory!r} is none of the parts {parts}")
    if not problems.found:
        with problems.during("building a network"):
            network, inputs = _network(cell), _inputs()
            with problems.during("a step"):
                _check_step(problems, network, inputs)
            if not problems.found:
                with problems.during("a run over time"):
                    _check_memory(problems, network, inputs)
                with problems.during("the gradient"):
                    _check_gradients(problems, network, inputs)
                    _check_differences(problems, network, inputs)
                with problems.during("a run of members side by side"):
                    _check_isolation(problems, network, inputs)
    if not problems.found:
        with problems.during("a training run"):
            found = run(small_runs(cell=cell, seed=[0, 1]))["runs"]
            problems.unless((found.status == "ok").all(), f"a small training run ended {set(found.status)}")
    problems.report()


def _network(cell: Cell) -> Network:
    shape = Architecture(cell, FEATURES, SIZE, LAYERS, OUTPUTS)
    inits = [MemberInit(cell, seed, "gaussian", 1.2) for seed in range(MEMBERS)]
    network = Network.create(shape, inits, torch.float64, "cpu", compiled=False)
    # Biases at zero would hide mistakes in them.
    network.flat += 0.1 * torch.randn(network.flat.shape, generator=torch.Generator().manual_seed(0)).double()
    return network


def _inputs() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(MEMBERS, STEPS, BATCH, FEATURES, generator=generator, dtype=torch.float64)


def _loss(outputs: Tensor) -> Tensor:
    return outputs.square().mean(dim=(2, 3))


def _check_step(problems: Problems, network: Network, inputs: Tensor) -> None:
    """One plain step: the parts that are declared, in their shapes, without changing what it was given."""
    cell = network.shape.cell
    before = network.zero_states(BATCH)[0]
    copies = {part: value.clone() for part, value in before.items()}
    weights, widths = as_in_a_step(network.layer(1)), cell.widths(SIZE)
    after = cell.step(weights, inputs[:, 0], before)
    if problems.unless(
        set(after) == set(widths), f"a step returns the parts {sorted(after)}, declared are {sorted(widths)}"
    ):
        for part, value in after.items():
            problems.unless(
                value.shape == (MEMBERS, BATCH, widths[part]),
                f"a step returns {part} of shape {tuple(value.shape)}; valid: (K, B, {widths[part]})",
            )
        seen = cell.output(weights, inputs[:, 0], Named(after))
        problems.unless(
            seen.shape == (MEMBERS, BATCH, cell.output_size(SIZE)),
            f"the output has the shape {tuple(seen.shape)}; valid: (K, B, {cell.output_size(SIZE)})",
        )
        for gate in cell.gate_roles:
            problems.unless(gate in cell.gates(weights, inputs[:, 0], before), f"gates() does not give {gate}")
    problems.unless(
        all(torch.equal(before[part], value) for part, value in copies.items()),
        "a step changes the state that it was given",
    )


def _check_memory(problems: Problems, network: Network, inputs: Tensor) -> None:
    """Whether earlier inputs reach an output, against what the cell says of itself."""
    cell, other = network.shape.cell, inputs.clone()
    other[:, : SCORED[0] - 1] += 1
    found = not torch.equal(network.outputs(inputs, SCORED[:1]), network.outputs(other, SCORED[:1]))
    problems.unless(
        found == cell.has_memory,
        f"has_memory = {cell.has_memory}, but outputs {'depend' if found else 'do not depend'} on earlier inputs;"
        f" valid: {found}",
    )


def _check_gradients(problems: Problems, network: Network, inputs: Tensor) -> None:
    """The engine against autograd through a plain loop."""
    flat, x = network.flat.clone().requires_grad_(), inputs.clone().requires_grad_()
    with torch.enable_grad():
        plain = Network(network.shape, flat, compiled=False)
        outputs, states = _plain_loop(plain, x)
        loss = _loss(outputs)
        wanted = torch.autograd.grad(loss.sum(), [flat, x, *states.values()], allow_unused=True)
    trained = _trained(network)
    # A part that changes nothing (what keeps exponents small) has a gradient of nothing but rounding.
    negligible = NEGLIGIBLE * max(value.abs().max().item() for value in wanted if value is not None)
    for way in (network, Network(network.shape, network.flat)):
        keep, grad_flat = way.step_gradients(inputs, totals=True), torch.empty_like(network.flat)
        found, grad_x = way.gradients(inputs, SCORED, _loss, grad_flat, keep, need_input_grad=True)
        _compare(problems, "outputs (loss)", found, loss.detach())
        _compare(problems, "gradient of the weights", grad_flat, None if wanted[0] is None else wanted[0] * trained)
        _compare(problems, "gradient of the inputs", grad_x, wanted[1])
        for (layer, part, step), value in zip(states, wanted[2:], strict=True):
            got = keep[layer].totals[part][:, step - 1]
            value = torch.zeros_like(got) if value is None else value
            _compare(problems, f"per-step gradient of {part}", got, value, least=negligible)


def _check_differences(problems: Problems, network: Network, inputs: Tensor) -> None:
    """Autograd itself against finite differences: it misses what a step does behind its back (`detach`, numpy)."""
    grad_flat = torch.empty_like(network.flat)
    network.gradients(inputs, SCORED, _loss, grad_flat, {})
    # Along one direction that has a part of every weight.
    generator = torch.Generator().manual_seed(2)
    along = torch.randn(network.flat.shape, generator=generator, dtype=torch.float64) * _trained(network)
    up, down = (
        _loss(Network(network.shape, network.flat + sign * SMALL * along, compiled=False).outputs(inputs, SCORED))
        for sign in (1, -1)
    )
    found, wanted = (grad_flat * along).sum(), ((up - down) / (2 * SMALL)).sum()
    far = (found - wanted).abs().item() / max(wanted.abs().item(), 1e-9)
    problems.unless(far < 1e-4, f"gradient of the weights differs from finite differences, by {far:.1g} relative")


def _trained(network: Network) -> Tensor:
    """1 for each weight that learns and 0 for the others, (1, P)."""
    found = torch.ones_like(network.flat[:1])
    for name, values in views(network.shape, found).items():
        values.fill_(network.shape.parameters()[name].trained)
    return found


def _plain_loop(network: Network, x: Tensor) -> tuple[Tensor, dict[tuple[int, str, int], Tensor]]:
    """Outputs at the scored steps, and every state by layer, part and step."""
    kept: dict[tuple[int, str, int], Tensor] = {}
    states = network.zero_states(BATCH)
    weights = [as_in_a_step(each) for each in _weights_of(network)]
    hidden = []
    for step in range(1, STEPS + 1):
        below = x[:, step - 1]
        for place in range(LAYERS):
            states[place] = new_state(network.shape.cell.step(weights[place], below, states[place]), states[place])
            kept.update({(place + 1, part, step): value for part, value in states[place].items()})
            below = network.shape.cell.output(weights[place], below, states[place])
        if step in SCORED:
            hidden.append(below)
    return network.readout(torch.stack(hidden, dim=2)), kept


def _weights_of(network: Network) -> list[Weights]:
    """The weights in use of each layer, with a graph that leads to `Network.flat`."""
    cell = network.shape.cell
    return [Named(cell.weights(each)) for each in layers(network.shape, network.weights)]


def _compare(problems: Problems, what: str, found: Tensor | None, wanted: Tensor | None, least: float = 1e-300) -> None:
    """Note a difference, relative to the largest wanted number, or to ``least`` where that is larger."""
    if not problems.unless(found is not None and wanted is not None, f"there is no {what}"):
        return
    assert found is not None
    assert wanted is not None
    far = (found - wanted).abs().max().item() / max(wanted.abs().max().item(), least)
    problems.unless(far < 1e-8, f"{what} differs from float64 autograd through the plain step, by {far:.1g} relative")


def _check_isolation(problems: Problems, network: Network, inputs: Tensor) -> None:
    """What one member is and does must not reach its neighbours."""
    together = network.outputs(inputs, SCORED).clone()
    alone = Network(network.shape, network.flat[:1].clone(), compiled=False).outputs(inputs[:1], SCORED)
    wild = network.flat.clone()
    wild[1:] = torch.inf
    beside = Network(network.shape, wild, compiled=False).outputs(inputs, SCORED)
    problems.unless(
        torch.allclose(together[:1], alone, rtol=1e-9) and torch.allclose(together[0], beside[0], rtol=1e-9),
        "mixes members: what a member answers depends on the others",
    )
    one = Network(network.shape, network.flat, compiled=False).outputs(inputs[:, :, :1], SCORED)
    problems.unless(
        torch.allclose(together[:, :1], one, rtol=1e-9),
        "mixes samples: what is answered to one depends on the others of its batch",
    )
