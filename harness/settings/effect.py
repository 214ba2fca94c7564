"""Settings that would change nothing as they stand together: said at once, and not found out after a sweep.

Each function gives one line that names a setting, its value and what would be valid; None where it has an effect.
"""

from __future__ import annotations

from harness.base.seeds import stream
from harness.cells.base import Cell
from harness.engine.blocks import input_weights
from harness.tasks.experiment import Experiment


def of_input_scale(scale: float, cell: Cell, hidden_size: int) -> str | None:
    """A scale of input weights needs input weights."""
    if scale == 1 or input_weights(cell, hidden_size):
        return None
    return f"input_scale={scale}: no weight of cell={cell.name} reads the inputs; valid: 1"


def of_embedding(size: int | None, experiment: Experiment, seq_len: int) -> str | None:
    """An embedding needs tokens; only a sample says whether a task has them."""
    if size is None or experiment.sample(stream(0, "tokens"), 1, experiment.windows * seq_len).inputs.ndim == 2:
        return None
    return f"embedding_size={size}: experiment={experiment.name} gives real vectors, and no tokens; valid: null"
