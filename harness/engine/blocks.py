"""What stands around the layers of a network: the settings ``block`` and ``embedding_size``.

A block makes of a cell the cell of a layer: it adds weights of its own to the cell's, changes what the step reads, and
what the next layer sees. So it is read, differentiated and compiled with the cell's own equations, and a state's
gradient is, as ever, that of the cell's state. Another block is a class like `Residual` and an entry in `BLOCKS`.
An embedding is the same: it stands before the first layer, and so everything knows it that knows the layers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import SerializeAsAny

from harness.cells.base import Cell, Parameter, State, Weights
from harness.cells.functions import gelu, normalised, sigmoid

if TYPE_CHECKING:
    from torch import Tensor


class Around(Cell):
    """A cell with something around it.

    Attributes:
        cell: the cell in it, which may have something around it, too.
    """

    cell: SerializeAsAny[Cell]

    @property
    def name(self) -> str:  # type: ignore[override]
        """The cell's."""
        return self.cell.name

    @abstractmethod
    def entering(self, w: Weights, x: Tensor) -> Tensor:
        """What enters the cell at a step; arguments as those of `step`."""

    def widths(self, hidden_size: int) -> dict[str, int]:
        return self.cell.widths(hidden_size)

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return self.cell.step(w, self.entering(w, x), s)

    def gates(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return self.cell.gates(w, self.entering(w, x), s)


class Residual(Around):
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

    encodes: bool

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

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        stream = self._stream(w, x)
        seen = self.cell.output(w, self._normalised(w, stream), s)
        value, gate = (gelu(seen) @ w["block_gate"] + w["block_gate_bias"]).chunk(2, dim=-1)
        return stream + value * sigmoid(gate)

    def entering(self, w: Weights, x: Tensor) -> Tensor:
        return self._normalised(w, self._stream(w, x))

    def _stream(self, w: Weights, x: Tensor) -> Tensor:
        """What goes by the cell: u."""
        return x @ w["block_encoder"] + w["block_encoder_bias"] if self.encodes else x

    def _normalised(self, w: Weights, stream: Tensor) -> Tensor:
        return normalised(stream) * w["block_gain"] + w["block_shift"]


class Embedding(Around):
    """The first layer of a network that learns a vector for every token.

        e = x · E        x: the token as a one-hot vector, so that e is a row of E, which is taken and not multiplied
        s = cell(e, s)

    E starts from N(0, 1), as `torch.nn.Embedding` does; `input_scale` does not act on it.

    Attributes:
        cell: the first layer, which reads e.
        size: how long e is.
    """

    size: int

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        shape = (input_size, self.size)
        drawn = Parameter(shape, "drawn", draw=lambda rng: rng.standard_normal(shape))
        return {"embedding": drawn} | self.cell.parameters(self.size, hidden_size)

    def weights(self, p: Weights) -> dict[str, Tensor]:
        return {"embedding": p["embedding"]} | self.cell.weights(p)

    def output(self, w: Weights, x: Tensor, s: State) -> Tensor:
        return self.cell.output(w, self.entering(w, x), s)

    def output_size(self, hidden_size: int) -> int:
        return self.cell.output_size(hidden_size)

    def entering(self, w: Weights, x: Tensor) -> Tensor:
        return x @ w["embedding"]


def entering_cell(cell: Cell, w: Weights, x: Tensor) -> Tensor:
    """What enters the cell of a layer itself at a step, behind all that stands around it.

    Args:
        cell: what is run as a layer (`cell_of_layer`).
        w, x: as those of `Cell.step`.
    """
    return entering_cell(cell.cell, w, cell.entering(w, x)) if isinstance(cell, Around) else x


def input_weights(cell: Cell, hidden_size: int) -> set[str]:
    """The names of a cell's weights that its inputs enter: those whose shape depends on how many inputs there are."""
    fewer, more = (cell.parameters(hidden_size + extra, hidden_size) for extra in (1, 2))
    return {name for name, parameter in fewer.items() if name not in more or parameter.shape != more[name].shape}


def _zeros(size: int) -> Parameter:
    return Parameter((size,), "constant")


BLOCKS: dict[str, Callable[[Cell, int], Cell]] = {
    "plain": lambda cell, layer: cell,
    "residual": lambda cell, layer: Residual(cell=cell, encodes=layer == 1),
}
"""By name what makes of a cell that of a layer (1-based)."""


def cell_of_layer(block: str, cell: Cell, layer: int, embedding_size: int | None = None) -> Cell:
    """What is run as a layer (1-based): the cell in its block, in layer 1 with the embedding before it, if any."""
    made = BLOCKS[block](cell, layer)
    return Embedding(cell=made, size=embedding_size) if embedding_size and layer == 1 else made
