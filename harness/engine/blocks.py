"""What stands around the layers of a network: the setting ``block``.

A block makes of a cell the cell of a layer: it adds weights of its own to the cell's, changes what the step reads, and
what the next layer sees. So it is read, differentiated and compiled with the cell's own equations, and a state's
gradient is, as ever, that of the cell's state. Another block is a class like `Residual` and an entry in `BLOCKS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import SerializeAsAny

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import gelu, normalised, sigmoid

if TYPE_CHECKING:
    from torch import Tensor


class Residual(Cell):
    """Layer of a deep state-space model: layer normalisation, the cell, a gated unit, and the layer's input added.

        u    = x                                          in layer 1: x · W_e + b_e
        y, s = cell(a * normalised(u) + b, s)             y: what the cell shows, s: its state
        p, q = gelu(y) · W_g + b_g                        H columns each
        z    = u + p * sigmoid(q)                         what the next layer and the readout see

    All of u, p, q, z are H wide. Layer 1 brings the inputs to that width (the encoder), whatever their own. Nothing
    is normalised after the last layer. W_e and W_g start uniform in ±1/√H, a at 1, biases at 0; neither `init` nor
    `weight_scale` acts on them.

    Source: the layer around the recurrence in Gu, Goel, Ré, "Efficiently modeling long sequences with structured state
    spaces", ICLR 2022, section 3.4; Smith, Warrington, Linderman, "Simplified state space layers for sequence
    modeling", ICLR 2023; Orvieto et al., "Resurrecting recurrent neural networks for long sequences", ICML 2023; with
    the gated linear unit of Dauphin, Fan, Auli, Grangier, "Language modeling with gated convolutional networks", ICML
    2017, as their published codes have it or offer it. Differences: no dropout; some of them normalise over the batch;
    in S5's default gelu(y) stands in the place of p.

    Attributes:
        cell: the cell in it.
        encodes: whether this is layer 1.
    """

    cell: SerializeAsAny[Cell]
    encodes: bool

    @property
    def name(self) -> str:  # type: ignore[override]
        """The cell's."""
        return self.cell.name

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        own = {"block_gain": Parameter((hidden_size,), "constant", (1.0,)), "block_shift": _zeros(hidden_size)}
        if self.encodes:
            own["block_encoder"] = Parameter((input_size, hidden_size), "dense")
            own["block_encoder_bias"] = _zeros(hidden_size)
        own["block_gate"] = Parameter((self.cell.output_size(hidden_size), 2 * hidden_size), "dense")
        own["block_gate_bias"] = _zeros(2 * hidden_size)
        return own | self.cell.parameters(hidden_size, hidden_size)

    def weights(self, p: Weights) -> dict[str, Tensor]:
        return {name: value for name, value in p.items() if name.startswith("block_")} | self.cell.weights(p)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return self.cell.step(w, self._entering(w, self._stream(w, x)), s)

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        stream = self._stream(w, x)
        seen = self.cell.output(w, self._entering(w, stream), s)
        value, gate = (gelu(seen) @ w["block_gate"] + w["block_gate_bias"]).chunk(2, dim=-1)
        return stream + value * sigmoid(gate)

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return self.cell.gates(w, self._entering(w, self._stream(w, x)), s)

    def widths(self, hidden_size: int) -> dict[str, int]:
        return self.cell.widths(hidden_size)

    def _stream(self, w: Weights, x: Tensor) -> Tensor:
        """What goes by the cell: u."""
        return x @ w["block_encoder"] + w["block_encoder_bias"] if self.encodes else x

    def _entering(self, w: Weights, stream: Tensor) -> Tensor:
        """What enters the cell."""
        return normalised(stream) * w["block_gain"] + w["block_shift"]


def _zeros(size: int) -> Parameter:
    return Parameter((size,), "constant")


BLOCKS: dict[str, Callable[[Cell, int], Cell]] = {
    "plain": lambda cell, layer: cell,
    "residual": lambda cell, layer: Residual(cell=cell, encodes=layer == 1),
}
"""By name what makes of a cell that of a layer (1-based)."""


def cell_of_layer(block: str, cell: Cell, layer: int) -> Cell:
    """What is run as a layer (1-based): the cell in its block."""
    return BLOCKS[block](cell, layer)
