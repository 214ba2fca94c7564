"""Networks as `torch.nn.Module`: those that a sweep has kept, and torch's own layers in the harness's form."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from torch import Tensor, nn

from harness.base.errors import UserError, reason
from harness.cells.base import Named, State, TorchLayer, as_in_a_step
from harness.cells.module import TorchCell
from harness.engine.network import Network
from harness.engine.scan.interface import is_tokens, one_hot
from harness.engine.weights import Architecture
from harness.plugins.registry import registry
from harness.settings.resolve import resolve
from harness.settings.settings import Settings
from harness.training.building import architecture
from harness.training.keeping import file_of

SUFFIXES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
"""The weights of a layer of torch's."""


class RecurrentNetwork(nn.Module):
    """A network of the harness as a module: stacked recurrent layers and a linear readout.

    Its parameters have the names that the cell gives them: ``layer1.recurrent``, …, ``readout.weight``; matrices are
    (rows in, columns out), as in the cells' equations. It runs step by step, and autograd goes through it.

    Attributes:
        shape: cell and sizes.
        settings: of the run that it was trained in; None of others.
    """

    def __init__(self, shape: Architecture, weights: Mapping[str, Tensor], settings: Settings | None = None):
        super().__init__()
        self.shape, self.settings = shape, settings
        for name, parameter in shape.parameters().items():
            *places, own = name.split(".")
            module: nn.Module = self
            for place in places:  # of a module of somebody's own, its parts are modules, too
                if place not in module._modules:
                    module.add_module(place, nn.Module())
                module = module.get_submodule(place)
            value = nn.Parameter(weights[name].detach().clone(), requires_grad=parameter.trained)
            module.register_parameter(own, value)

    def extra_repr(self) -> str:
        """What stands in front of the weights where the network is printed."""
        shape = self.shape
        sizes = (
            f"{shape.input_size} inputs, {shape.num_layers} x {shape.hidden_size} units, {shape.output_size} outputs"
        )
        embedded = f", tokens in {shape.embedding_size} numbers" if shape.embedding_size else ""
        return f"cell={shape.cell.name}, {sizes}{embedded}"

    def forward(
        self, inputs: Tensor, state: Sequence[Mapping[str, Tensor]] | None = None
    ) -> tuple[Tensor, list[dict[str, Tensor]]]:
        """Run over a batch of sequences.

        Args:
            inputs: tokens (B, T), int64, or vectors (B, T, input_size).
            state: for each layer the parts of the state to start from, each (B, width); None: zeros.

        Returns:
            What the readout says at every step, (B, T, output_size), and for each layer the parts of the state after
            every step, each (B, T, width): ``{part: values[:, -1]}`` is what a next piece of the sequence starts from.

        Examples:
            >>> network = harness.network(found.directories[0], found.runs.run_id[0])
            >>> outputs, states = network(torch.tensor([[3, 0, 0, 1, 2]]))
            >>> half, before = network(torch.tensor([[3, 0, 0]]))
            >>> start = [{part: values[:, -1] for part, values in layer.items()} for layer in before]
            >>> rest, _ = network(torch.tensor([[1, 2]]), start)
            >>> torch.allclose(outputs[:, 3:], rest)
            True
        """
        weight, bias = self.get_parameter("readout.weight"), self.get_parameter("readout.bias")
        x = one_hot(inputs, self.shape.input_size, weight.dtype) if is_tokens(inputs) else inputs
        states = []
        for layer in range(1, self.shape.num_layers + 1):
            x, found = self._layer(layer, x, None if state is None else state[layer - 1])
            states.append(found)
        return x @ weight + bias, states

    def _layer(self, layer: int, x: Tensor, start: Mapping[str, Tensor] | None) -> tuple[Tensor, dict[str, Tensor]]:
        """One layer's outputs at every step (B, T, ·), and its states."""
        cell = self.shape.layer_cell(layer)
        widths = cell.widths(self.shape.hidden_size)
        own = cell.parameters(self.shape.layer_input_size(layer), self.shape.hidden_size)
        parameters = Named({name: self.get_parameter(f"layer{layer}.{name}")[None] for name in own})
        weights = as_in_a_step(cell.weights(parameters))
        begin = start or {part: x.new_zeros(len(x), size) for part, size in widths.items()}
        state: State = Named({part: begin[part][None] for part in widths})
        outputs, states = [], []
        for t in range(x.shape[1]):
            state = Named(cell.step(weights, x[None, :, t], state))
            outputs.append(cell.output(weights, x[None, :, t], state)[0])
            states.append(state)
        found = {part: torch.stack([each[part][0] for each in states], dim=1) for part in widths}
        return torch.stack(outputs, dim=1), found

    def engine(self, dtype: torch.dtype = torch.float64) -> Network:
        """The network for the engine: one member, which measures every per-step gradient at once."""
        flat = torch.cat([self.get_parameter(name).detach().flatten() for name in self.shape.parameters()])
        return Network(self.shape, flat[None].to(dtype), compiled=False)

    def to_torch(self) -> tuple[nn.RNNBase, nn.Linear]:
        """The recurrent layers as `torch.nn.RNN`, `torch.nn.GRU` or `torch.nn.LSTM` (batch first), and the readout.

        Raises:
            UserError: torch has no layer that computes what the cell does.

        Examples:
            >>> network = harness.network(found.directories[0], found.runs.run_id[1])
            >>> network.to_torch()
            (LSTM(27, 4, batch_first=True), Linear(in_features=4, out_features=8, bias=True))
        """
        shape = self.shape
        own = shape.layer_cell(1).of_torch()
        if own is None:
            who = f"cell {shape.cell.name}" + (f", block={shape.block}" if shape.block != "plain" else "")
            who += f", embedding_size={shape.embedding_size}" if shape.embedding_size else ""
            raise UserError(f"{who}: torch.nn has no such layer; valid: {', '.join(_exported())}")
        weight, bias = self.get_parameter("readout.weight"), self.get_parameter("readout.bias")
        like: Any = {"device": weight.device, "dtype": weight.dtype}
        layer: nn.RNNBase = getattr(nn, own.name)(
            shape.input_size, shape.hidden_size, shape.num_layers, batch_first=True, **own.options, **like
        )
        readout = nn.Linear(*weight.shape, **like)
        readout.load_state_dict({"weight": weight.detach().mT, "bias": bias.detach()})
        given = {}
        for place in range(shape.num_layers):
            parameters = dict(getattr(self, f"layer{place + 1}").named_parameters())
            given.update({f"{name}_l{place}": value.detach() for name, value in own.given(parameters).items()})
        layer.load_state_dict(given)
        return layer, readout


def network(directory: str | PathLike[str], run_id: str, which: Literal["last", "best"] = "last") -> RecurrentNetwork:
    """The trained network of a run whose weights were kept (``keep.weights=true``).

    Args:
        directory: the results directory.
        run_id: of the run, as in ``tables.runs``.
        which: as it was at the end of the training, or (``keep.best=true``) at the lowest held-out loss.

    Raises:
        UserError: its weights were not kept, or the file is damaged.

    Examples:
        >>> found = harness.sweep(cell=["rnn", "lstm"], keep={"weights": True})    # doctest: +SKIP
        >>> network = harness.network(found.directories[0], found.runs.run_id[1])
        >>> outputs, states = network(torch.tensor([[3, 0, 0, 1]]))
        >>> outputs.shape, {part: values.shape for part, values in states[0].items()}
        (torch.Size([1, 4, 8]), {'h': torch.Size([1, 4, 4]), 'c': torch.Size([1, 4, 4])})
    """
    if which not in ("last", "best"):
        raise UserError(f"which={which}: valid: last, best")
    found = [path for job in sorted(Path(directory).glob("jobs/*")) if (path := file_of(job, run_id, which)).exists()]
    if not found:
        option = "keep.best" if which == "best" else "keep.weights"
        raise UserError(f"{directory}: no weights of run {run_id} here; valid: a run of a sweep with {option}=true")
    try:
        with safe_open(found[0], "pt") as file:
            about = file.metadata()
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
    except Exception as error:
        raise UserError(f"{found[0]}: cannot be read: {reason(error)}") from None
    settings = resolve(json.loads(about["settings"]))
    return RecurrentNetwork(architecture(settings), weights, settings)


def of_module(module: nn.Module, readout: nn.Linear | None, input_size: int) -> RecurrentNetwork:
    """A recurrent network of the user's own as a network of the harness, which computes the same.

    Args:
        module: a layer of torch, or a cell: a module that maps (x, state) to a state, as `torch.nn.LSTMCell` does.
        readout: from its outputs to those of the network.
        input_size: how many numbers enter a cell; 0: its own attribute of this name says so.

    Raises:
        UserError: it is neither, or there is no readout.
    """
    if readout is None:
        raise UserError("readout: missing; valid: the torch.nn.Linear that makes outputs of the module's")
    if isinstance(module, nn.RNNBase):
        return of_torch(module, readout)
    inputs = input_size or int(getattr(module, "input_size", 0))
    if not inputs:
        raise UserError(f"{type(module).__name__}: how many numbers enter is not known; valid: inputs (B, T, F)")
    own, units = copy.deepcopy(module).eval(), readout.in_features
    cell = GivenModule(given=own, numbers=(inputs, units))
    shape = Architecture(cell, inputs, units, 1, readout.out_features)
    weights = {f"layer1.{name}": value.detach() for name, value in own.named_parameters() if value.requires_grad}
    return RecurrentNetwork(shape, weights | _readout(readout))


class GivenModule(TorchCell):
    """A module that is there already, with its sizes.

    Attributes:
        given: copies of it are run.
        numbers: how many inputs and units it has.
    """

    name = "given_module"

    given: Any = None
    numbers: tuple[int, int] = (1, 1)

    def module(self, input_size: int, hidden_size: int) -> nn.Module:
        made: nn.Module = copy.deepcopy(self.given).float()
        return made

    def sizes(self, hidden_size: int) -> tuple[int, int]:
        return self.numbers


def _readout(readout: nn.Linear) -> dict[str, Tensor]:
    bias = readout.bias if readout.bias is not None else readout.weight.new_zeros(readout.out_features)
    return {"readout.weight": readout.weight.detach().mT, "readout.bias": bias.detach()}


def of_torch(layer: nn.RNNBase, readout: nn.Linear) -> RecurrentNetwork:
    """A layer of torch and a linear readout as a network of the harness, which computes the same.

    Raises:
        UserError: the layer runs in both directions, projects its state, or has no biases; or the readout is of
            another size.
    """
    cell, own = _cell_of(layer)
    if layer.bidirectional or layer.proj_size or not layer.bias:
        raise UserError(f"{layer}: valid: one direction, no proj_size, with biases")
    if readout.in_features != layer.hidden_size:
        raise UserError(f"readout: takes {readout.in_features} numbers; valid: the layer's {layer.hidden_size}")
    weights = {}
    for place in range(layer.num_layers):
        given = {name: getattr(layer, f"{name}_l{place}").detach() for name in SUFFIXES}
        weights.update({f"layer{place + 1}.{name}": value for name, value in own.taken(given).items()})
    weights |= _readout(readout)
    shape = Architecture(cell, layer.input_size, layer.hidden_size, layer.num_layers, readout.out_features)
    return RecurrentNetwork(shape, weights)


def _exported() -> dict[str, TorchLayer]:
    """The cells that torch has a layer for, by name."""
    cells = [plugin.target() for plugin in registry().of_kind("cell")]
    return {cell.name: own for cell in cells if (own := cell.of_torch())}


def _cell_of(layer: nn.RNNBase) -> tuple[Any, TorchLayer]:
    """The cell that computes what a layer of torch does."""
    for name, own in _exported().items():
        if isinstance(layer, getattr(nn, own.name)) and all(
            getattr(layer, key) == value for key, value in own.options.items()
        ):
            return registry().get("cell", name)(), own
    raise UserError(f"{type(layer).__name__}: no cell computes the same; valid: nn.RNN, nn.GRU, nn.LSTM")
