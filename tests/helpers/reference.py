"""The same networks by an independent route: ``torch.nn`` cells, one step at a time, and autograd."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from harness.engine.network import Network

BLOCKS = {"rnn": [0], "lstm": [0, 1, 3, 2], "gru": [1, 2, 0]}
"""For each block of torch's weights (lstm i f g o, gru r z n) the place of its input block among ours."""

MODULES = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


@dataclass
class Reference:
    """Outputs and gradients of one member.

    Attributes:
        loss: per sample, (B,).
        hidden: h of the top layer, (T, B, H).
        states: gradient of the summed losses by (layer, part), each (T, B, H).
        inputs: gradient by the inputs, (T, B, F).
        weights: gradient of the summed losses by our parameter names, in our layout.
    """

    loss: Tensor
    hidden: Tensor
    states: dict[tuple[int, str], Tensor]
    inputs: Tensor
    weights: dict[str, Tensor]


def _blocks(weight: Tensor, order: list[int], size: int) -> list[Tensor]:
    """Our blocks (columns) in torch's order (rows of the result)."""
    parts = weight.split(size, dim=-1)
    return [parts[place].T if weight.dim() == 2 else parts[place] for place in order]


def torch_cells(network: Network, member: int) -> tuple[list[nn.Module], nn.Linear]:
    """``torch.nn`` cells and readout with the weights of one member."""
    shape, name, size = network.shape, network.shape.cell.name, network.shape.hidden_size
    cells = []
    for layer in range(1, shape.num_layers + 1):
        mine = network.layer(layer)
        w_x, w_h, bias = mine["input"][member], mine["recurrent"][member], mine["bias"][member]
        cell = MODULES[name](w_x.shape[0], size, dtype=torch.float64)
        recurrent_order = BLOCKS[name] if name != "gru" else [0, 1, 2]
        with torch.no_grad():
            cell.weight_ih.copy_(torch.cat(_blocks(w_x, BLOCKS[name], size)))
            cell.weight_hh.copy_(torch.cat(_blocks(w_h, recurrent_order, size)))
            cell.bias_ih.copy_(torch.cat(_blocks(bias, BLOCKS[name], size)))
            cell.bias_hh.zero_()
            if name == "gru":
                cell.bias_hh[2 * size :] = bias[3 * size :]
        cells.append(cell)
    readout = nn.Linear(size, shape.output_size, dtype=torch.float64)
    with torch.no_grad():
        readout.weight.copy_(network.weights["readout.weight"][member].T)
        readout.bias.copy_(network.weights["readout.bias"][member])
    return cells, readout


def our_gradients(name: str, size: int, layer: int, cell: nn.Module) -> dict[str, Tensor]:
    """The gradients of a ``torch.nn`` cell in our names and layout."""

    def columns(grad: Tensor, torch_order: list[int]) -> Tensor:
        parts = grad.split(size)
        return torch.cat([parts[place].T if grad.dim() == 2 else parts[place] for place in torch_order], dim=-1)

    mine = {"rnn": [0], "lstm": [0, 1, 3, 2], "gru": [2, 0, 1]}[name]
    recurrent = [0, 1, 2] if name == "gru" else mine
    bias = columns(cell.bias_ih.grad, mine)
    if name == "gru":
        bias = torch.cat([bias, cell.bias_hh.grad[2 * size :]])
    return {
        f"layer{layer}.input": columns(cell.weight_ih.grad, mine),
        f"layer{layer}.recurrent": columns(cell.weight_hh.grad, recurrent),
        f"layer{layer}.bias": bias,
    }


def reference(network: Network, member: int, inputs: Tensor, targets: Tensor, scored: list[int]) -> Reference:
    """Run one member on inputs (T, B, F) and targets (B, S), and differentiate with autograd."""
    cells, readout = torch_cells(network, member)
    name, size = network.shape.cell.name, network.shape.hidden_size
    steps, batch, _ = inputs.shape
    x = inputs.clone().requires_grad_()
    state = [(inputs.new_zeros(batch, size), inputs.new_zeros(batch, size)) for _ in cells]
    kept: dict[tuple[int, str], list[Tensor]] = {}
    hidden = []
    for t in range(steps):
        below = x[t]
        for index, cell in enumerate(cells):
            h, c = state[index]
            if name == "lstm":
                h, c = cell(below, (h, c))
                kept.setdefault((index + 1, "c"), []).append(c)
            else:
                h = cell(below, h)
            kept.setdefault((index + 1, "h"), []).append(h)
            state[index] = (h, c)
            below = h
        hidden.append(below)
    for values in kept.values():
        for value in values:
            value.retain_grad()
    logits = readout(torch.stack([hidden[t - 1] for t in scored], dim=1))
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    loss = loss.view(targets.shape).mean(1)
    loss.sum().backward()
    weights = {"readout.weight": readout.weight.grad.T, "readout.bias": readout.bias.grad}
    for layer, cell in enumerate(cells, start=1):
        weights.update(our_gradients(name, size, layer, cell))
    zero = torch.zeros(batch, size, dtype=torch.float64)
    states = {
        key: torch.stack([zero if value.grad is None else value.grad for value in values])
        for key, values in kept.items()
    }
    return Reference(loss.detach(), torch.stack(hidden).detach(), states, x.grad, weights)
