"""A `torch.nn.Module` as a cell: the same numbers as in a loop that a user would write, and errors that say why not."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness import TorchCell
from harness.base.errors import UserError
from harness.base.options import build
from harness.cells._form import form_of
from harness.cells.module import Module
from harness.engine.network import Network
from harness.engine.scan.plan import planned_step
from harness.engine.weights import Architecture, MemberInit
from harness.testing import check_cell
from harness.testing._problems import small_runs
from harness.training.pack import run

pytestmark = pytest.mark.usefixtures("compiled_as_written")

OF_TORCH = ["RNNCell", "GRUCell", "LSTMCell"]
OF_TORCHRECURRENT = [
    "ATRCell", "AntisymmetricRNNCell", "IndRNNCell", "JANETCell", "LEMCell", "MCLSTMCell", "MGUCell", "NASCell",
    "PeepholeLSTMCell", "UnICORNNCell", "coRNNCell",
]  # fmt: skip

MEMBERS, STEPS, BATCH, FEATURES, SIZE, LAYERS = 3, 6, 4, 3, 5, 2
SCORED = [2, STEPS]
UNREADABLE = ["Deciding", "OwnDerivative", "WithoutDerivative"]


class Deciding(nn.Module):
    """Decides by the values of its state, as no stacked module can; holds a constant, and one parameter twice."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.read, self.again = nn.Linear(input_size, hidden_size), nn.Linear(hidden_size, hidden_size)
        self.bias = self.again.bias
        self.register_buffer("leak", torch.full((hidden_size,), 0.3))

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        made = torch.tanh(self.read(x) + self.again(h) + self.bias)
        return (1 - self.leak) * h + made if h.abs().max() < 0.5 else made


class Apart(nn.Module):
    """Tells something that is no part of its state, which is wider than that."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.read, self.again = nn.Linear(input_size, 2 * hidden_size), nn.Linear(2 * hidden_size, 2 * hidden_size)
        self.tell = nn.Linear(2 * hidden_size, hidden_size)
        self.gain = nn.Parameter(torch.tensor(0.9))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        state = x.new_zeros(len(x), self.again.in_features) if state is None else state
        state = torch.tanh(self.read(x) + self.gain * self.again(state))
        return self.tell(state), state


class Readable(nn.Module):
    """Much of what people write: inputs beside the state, a layer norm, weights made of others, work in place."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.gates = nn.Linear(input_size + hidden_size, 3 * hidden_size)
        self.norm = nn.LayerNorm(hidden_size)
        self.turn = nn.Parameter(0.3 * torch.randn(hidden_size, hidden_size))
        self.time = nn.Parameter(torch.tensor(0.5))
        self.drop = nn.Dropout(0.5)
        self.register_buffer("mask", (torch.arange(hidden_size) % 2).float())

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        h, c = (x.new_zeros(len(x), len(self.mask)),) * 2 if state is None else state
        gates = self.gates(torch.cat([x, h], dim=1))
        keep, (write, tell) = gates[:, : len(self.mask)].sigmoid_(), gates[:, len(self.mask) :].chunk(2, dim=-1)
        turned = self.norm(functional.linear(c, self.turn - self.turn.T + 0.1 * torch.eye(len(self.mask)).to(c)))
        c = c + functional.softplus(self.time) * (keep * turned + functional.silu(write) - c)
        return self.drop(torch.tanh(tell) * torch.softmax(c, dim=-1)) + self.mask * c.clamp(-2, 2) ** 2, c


class _Rounded(torch.autograd.Function):
    """Steps of a half, with the derivative of a line."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return (2 * x).floor() / 2

    @staticmethod
    def backward(context: Any, grad: Tensor) -> Tensor:
        return grad


class OwnDerivative(nn.RNNCell):
    """What it computes forward is a formula, and its derivative another."""

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        return _Rounded.apply(super().forward(x, h))


class WithoutDerivative(nn.RNNCell):
    """A factor is computed apart from autograd."""

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        made = super().forward(x, h)
        with torch.no_grad():
            factor = torch.sigmoid(made)
        return made * factor


def of_a_file(made: type[nn.Module]) -> TorchCell:
    """A cell as a user's file would hold it."""

    class OfAFile(TorchCell):
        """A module of a user's own."""

        name = "of_a_file"

        def module(self, input_size: int, hidden_size: int) -> nn.Module:
            return made(input_size, hidden_size)

    return OfAFile()


def cell_of(name: str) -> TorchCell:
    if name in OF_TORCHRECURRENT:
        pytest.importorskip("torchrecurrent")
        return Module(path=f"torchrecurrent:{name}")
    return Module(path=f"torch.nn:{name}") if name in OF_TORCH else of_a_file(globals()[name])


def modules_of(network: Network, member: int) -> list[nn.Module]:
    """A member's layers as modules, with its weights."""
    shape, found = network.shape, []
    for layer in range(1, LAYERS + 1):
        module = shape.cell.module(shape.layer_input_size(layer), SIZE).double().eval()
        for name, value in module.named_parameters():
            value.data.copy_(network.weights[f"layer{layer}.{name}"][member])
        found.append(module)
    return found


def looped(modules: list[nn.Module], inputs: Tensor) -> tuple[list[Tensor], dict[tuple[int, str, int], Tensor]]:
    """What a user would write: outputs of the top layer, and by layer, part and step what has a `retain_grad`."""
    kept: dict[tuple[int, str, int], Tensor] = {}
    states: list[Any] = [None] * LAYERS
    outputs = []
    for step, below in enumerate(inputs, start=1):
        for layer, module in enumerate(modules, start=1):
            state = states[layer - 1]
            if isinstance(module, Deciding) and state is None:
                state = below.new_zeros(BATCH, SIZE)
            made = module(below, state)
            apart = isinstance(module, Apart) or type(module).__name__ == "MCLSTMCell"
            states[layer - 1] = made[1] if apart else made
            parts = [made[0], *(made[1] if isinstance(made[1], tuple) else [made[1]])] if apart else made
            parts = [parts] if isinstance(parts, Tensor) else parts
            for part, value in zip(["h", "c", "part3"], parts, strict=False):
                value.retain_grad()
                kept[layer, part, step] = value
            below = parts[0]
        outputs.append(below)
    return outputs, kept


@pytest.mark.parametrize("name", [*OF_TORCH, *OF_TORCHRECURRENT, "Apart", "Readable", *UNREADABLE])
def test_a_module_gives_what_a_plain_loop_over_it_gives(name: str) -> None:
    shape = Architecture(cell_of(name), FEATURES, SIZE, LAYERS, 2)
    inits = [MemberInit(shape.cell, seed, "orthogonal", 1.0) for seed in range(MEMBERS)]
    # All ways to run equations are compared for every cell of the harness: a few kernels are enough here.
    network = Network.create(shape, inits, torch.float64, "cpu", compiled=name in OF_TORCH)
    network.flat += 0.2 * torch.randn(network.flat.shape, generator=torch.Generator().manual_seed(0)).double()
    inputs = torch.randn(
        MEMBERS, STEPS, BATCH, FEATURES, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    keep, grad = network.step_gradients(inputs, totals=True), torch.empty_like(network.flat)
    loss, grad_x = network.gradients(
        inputs, SCORED, lambda outputs: outputs.square().mean(dim=(2, 3)), grad, keep, need_input_grad=True
    )
    found = Network(shape, grad).weights
    for member in range(MEMBERS):
        modules, x = modules_of(network, member), inputs[member].clone().requires_grad_()
        outputs, kept = looped(modules, x)
        readout = network.weights["readout.weight"][member], network.weights["readout.bias"][member]
        told = torch.stack([outputs[step - 1] @ readout[0] + readout[1] for step in SCORED], dim=1)
        wanted = told.square().mean(dim=(1, 2))
        wanted.sum().backward()
        torch.testing.assert_close(loss[member], wanted.detach(), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(grad_x[member], x.grad, rtol=1e-10, atol=1e-12)
        for (layer, part, step), value in kept.items():
            own = torch.zeros_like(value) if value.grad is None else value.grad
            torch.testing.assert_close(keep[layer].totals[part][member, step - 1], own, rtol=1e-10, atol=1e-12)
        for layer, module in enumerate(modules, start=1):
            for weight, value in module.named_parameters():
                own = torch.zeros_like(value) if value.grad is None else value.grad
                torch.testing.assert_close(found[f"layer{layer}.{weight}"][member], own, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", [*OF_TORCH, *OF_TORCHRECURRENT, "Apart", "Readable"])
def test_the_operations_of_a_module_are_a_formula(name: str) -> None:
    assert planned_step(cell_of(name), FEATURES, SIZE) is not None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Deciding", "Deciding: torch.max is none of the operations of formulas"),
        ("OwnDerivative", "OwnDerivative: torch.floor"),
        ("WithoutDerivative", "WithoutDerivative: what it does is not all done by operations of torch"),
    ],
)
def test_what_is_no_formula_is_said_in_the_log(name: str, why: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="harness.engine.scan.plan"):
        assert planned_step(cell_of(name), FEATURES, SIZE) is None
    (line,) = (record.getMessage() for record in caplog.records)
    assert line.startswith("the step of cell of_a_file is no formula, and runs by autograd: ")
    assert why in line


def test_cells_of_modules_keep_the_contract() -> None:
    check_cell(Module(path="torch.nn:LSTMCell"))
    check_cell(Module(path="torch.nn:GRUCell", recurrent="weight_hh"))
    check_cell(of_a_file(Apart))


def test_a_module_starts_as_it_does_by_itself_and_every_member_by_its_seed() -> None:
    class Tied(nn.Module):
        def __init__(self, input_size: int, hidden_size: int):
            super().__init__()
            self.one = nn.Parameter(torch.randn(hidden_size))
            self.other = nn.Parameter(2 * self.one.detach())
            self.read = nn.Linear(input_size, hidden_size)

        def forward(self, x: Tensor, h: Tensor) -> Tensor:
            return self.read(x) + self.one * h + self.other

    def rows(seeds: list[int]) -> dict[str, Tensor]:
        shape = Architecture(of_a_file(Tied), FEATURES, SIZE, LAYERS, 2)
        inits = [MemberInit(shape.cell, seed, "orthogonal", 0.5) for seed in seeds]
        return Network.create(shape, inits, torch.float64, "cpu").weights

    state = torch.get_rng_state()
    three = rows([0, 1, 2])
    assert torch.equal(torch.get_rng_state(), state), "nobody else's random numbers are used up"
    assert torch.equal(three["layer1.one"] * 2, three["layer1.other"]), "what is drawn together stays together"
    assert not torch.equal(three["layer1.one"], three["layer2.one"])
    assert three["layer1.one"].unique().numel() == 3 * SIZE
    assert torch.equal(rows([1])["layer1.read.weight"][0], three["layer1.read.weight"][1])


def test_a_recurrent_weight_that_is_named_starts_by_init_and_weight_scale() -> None:
    shape = Architecture(Module(path="torch.nn:GRUCell", recurrent="weight_hh"), FEATURES, SIZE, 1, 2)
    inits = [MemberInit(shape.cell, 0, "orthogonal", scale) for scale in (1.0, 0.5)]
    network = Network.create(shape, inits, torch.float64, "cpu")
    for block in network.weights["layer1.weight_hh"].split(SIZE, dim=-1):
        eye = torch.eye(SIZE, dtype=torch.float64)
        torch.testing.assert_close(block @ block.mT, torch.stack([eye, 0.25 * eye]))
    assert network.spectral_radius() == pytest.approx([1.0, 0.5])


def test_a_module_trains_from_the_command_lines_settings() -> None:
    found = run(small_runs(cell={"name": "module", "path": "torch.nn:LSTMCell"}, seed=[0, 1]))["runs"]
    assert (found.status == "ok").all()
    assert set(found.memory) == {"c"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no_such_package:Cell", "No module named 'no_such_package'"),
        ("torch.nn:NoSuchCell", "there is no NoSuchCell in torch.nn"),
        ("torch:tanh", "tanh is no torch.nn.Module"),
        ("torch.nn", "valid: package.module:Class"),
        ("torch.nn:ReLU", "no input size and hidden size can be set"),
        ("torch.nn:Linear", "does not map \\(x, state\\) to a state"),
    ],
)
def test_what_is_no_cell_is_refused_in_one_line(path: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as error:
        small_runs(cell={"name": "module", "path": path}, seed=[0])
    assert "\n" not in str(error.value)
    assert path in str(error.value)


def test_a_module_that_cannot_be_stacked_is_refused_where_gradients_would_be_lost() -> None:
    class DecidingPair(Deciding):
        def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:  # type: ignore[override]
            c = super().forward(x, state[1])
            return torch.tanh(c), c

    with pytest.raises(UserError, match="a DecidingPair cannot be run for several members at once"):
        of_a_file(DecidingPair).parameters(FEATURES, SIZE)


def test_what_torch_would_do_for_one_member_after_the_other_and_warn_of_is_done_so_without_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Taking(nn.RNNCell):
        def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
            made = super().forward(x, h)
            return made + torch.take(made, torch.arange(1))

    with caplog.at_level("INFO", logger="harness.cells._form"), warnings.catch_warnings(action="ignore"):
        form = form_of(Taking(FEATURES, SIZE), "it", FEATURES, SIZE)
    assert (form.stacks, form.equations) == (False, None)
    (line,) = caplog.messages
    assert line.startswith("a Taking runs for one member after the other: ")


def test_a_recurrent_weight_that_is_none_is_refused() -> None:
    cell = build(Module, {"recurrent": "weight_hx"})
    with pytest.raises(UserError, match="no parameter weight_hx; valid: weight_ih, weight_hh"):
        cell.parameters(FEATURES, SIZE)
