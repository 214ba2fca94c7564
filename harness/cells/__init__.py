"""Cells: recurrences that read like their equations, and how their weights start. A file per cell.

In come weights, inputs and the state of a step; out comes the next state. Running a cell over time, and its gradient,
is the engine's (`harness.engine`).
"""

from harness.cells.base import Cell, Named, Parameter, State, Weights
from harness.cells.gating import Gated, biases, gates, keeping_bias, overwriting_bias
from harness.cells.module import TorchCell

__all__ = [
    "Cell", "Gated", "Named", "Parameter", "State", "TorchCell", "Weights", "biases", "gates", "keeping_bias",
    "overwriting_bias",
]  # fmt: skip
