"""A cell of ours as people would write it without the harness: its step for one network, in a loop over time."""

from __future__ import annotations

from torch import Tensor, nn

from harness.bench.task import Task
from harness.cells.base import Named, State, Weights
from harness.cells.module import TorchCell
from harness.engine.network import Network
from harness.engine.scan.general import new_state


class PlainCell(nn.Module):
    """The first layer of one member of a network, with parameters of its own."""

    def __init__(self, network: Network, member: int):
        super().__init__()
        self.cell, self.hidden_size = network.shape.cell, network.shape.hidden_size
        kinds = self.cell.parameters(network.shape.input_size, self.hidden_size)
        values = {name: network.weights[f"layer1.{name}"][member].clone() for name in kinds}
        self.names = list(kinds)
        self.values = nn.ParameterList([nn.Parameter(values[name], kinds[name].trained) for name in kinds])

    def in_use(self) -> Weights:
        """The weights in use: vectors (width,), matrices (rows, columns)."""
        parameters: Weights = Named({name: value[None] for name, value in zip(self.names, self.values, strict=True)})
        return Named({name: value[0] for name, value in self.cell.weights(parameters).items()})

    def start(self, x: Tensor) -> State:
        """Zeros, each part (B, width)."""
        return Named({part: x.new_zeros(len(x), width) for part, width in self.cell.widths(self.hidden_size).items()})

    def step(self, w: Weights, x: Tensor, s: State) -> State:
        """One step."""
        return new_state(self.cell.step(w, x, s), s)

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        """What the readout sees."""
        return self.cell.output(w, x, s)


class PlainModule(PlainCell):
    """The same of a cell that is a module already."""

    def __init__(self, network: Network, member: int):
        super().__init__(network, member)
        assert isinstance(self.cell, TorchCell)
        self.module = self.cell.module(network.shape.input_size, self.hidden_size)
        for name, value in zip(self.names, self.values, strict=True):
            mine = value.mT if name in self.cell.recurrent_weights() and value.ndim == 2 else value
            self.module.get_parameter(name).data.copy_(mine)
        self.values = nn.ParameterList()

    def in_use(self) -> Weights:
        return Named()

    def step(self, w: Weights, x: Tensor, s: State) -> State:
        made = self.module(x, s["h"] if len(s) == 1 else tuple(s.values()))
        return new_state(dict(zip(s, [made] if len(s) == 1 else made, strict=True)), s)


def plain_cells(task: Task) -> list[PlainCell]:
    """One for each member."""
    kind = PlainModule if isinstance(task.network.shape.cell, TorchCell) else PlainCell
    return [kind(task.network, member) for member in range(len(task.network.flat))]


def run(own: PlainCell, inputs: Tensor) -> tuple[Tensor, list[Tensor]]:
    """What the readout sees at the end, and the first part of the state at every step; all parts retain gradients.

    Args:
        inputs: (T, B, F).
    """
    w, state, kept = own.in_use(), own.start(inputs[0]), []
    for x in inputs.unbind():
        state = own.step(w, x, state)
        for value in state.values():
            value.retain_grad()
        kept.append(next(iter(state.values())))
    return own.output(w, x, state), kept
