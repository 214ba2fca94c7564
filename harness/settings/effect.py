"""Settings that would change nothing as they stand together: said at once, and not found out after a sweep.

Each function gives one line that names a setting, its value and what would be valid; None where it has an effect.
"""

from __future__ import annotations

from harness.base.options import said
from harness.cells.base import Cell
from harness.engine.blocks import input_weights
from harness.tasks.experiment import Experiment, has_tokens


def of_input_scale(scale: float, cell: Cell, hidden_size: int) -> str | None:
    """A scale of input weights needs input weights."""
    if scale == 1 or input_weights(cell, hidden_size):
        return None
    return f"input_scale={scale}: no weight of cell={cell.name} reads the inputs; valid: 1"


def of_embedding(size: int | None, experiment: Experiment, seq_len: int) -> str | None:
    """An embedding needs tokens."""
    if size is None or has_tokens(experiment, seq_len):
        return None
    return f"embedding_size={size}: experiment={experiment.name} gives real vectors, and no tokens; valid: null"


def of_momentum(momentum: float, optimizer: str) -> str | None:
    """Momentum needs an optimizer that has it."""
    if not momentum or optimizer == "sgd":
        return None
    return f"train.momentum={momentum}: not for train.optimizer={optimizer}; valid: 0, or sgd"


def of_warmup(warmup: int, steps: int) -> str | None:
    """A warm-up needs steps after it, for which it warms up."""
    if not warmup or warmup < steps:
        return None
    return f"train.warmup={warmup}: no shorter than train.steps={steps}; valid: less than the steps"


def of_drops(step_size: int | None, gamma: float | None, schedule: str, steps: int) -> str | None:
    """What is said of drops of the learning rate needs drops, in the steps after the warm-up."""
    for key, value in (("step_size", step_size), ("gamma", gamma)):
        if value is not None and schedule != "step":
            return f"train.{key}={value}: not for train.schedule={schedule}; valid: null, or step"
    if step_size is None or step_size < steps:
        return None
    return f"train.step_size={step_size}: no drop in {steps} steps after the warm-up; valid: less than {steps}"


def of_growth(shortest: int | None, growth: float | None, curriculum: str) -> str | None:
    """What is said of a curriculum needs one, and what is said of its growth one that grows."""
    if shortest is not None and curriculum == "none":
        return f"train.shortest={shortest}: not for train.curriculum=none; valid: null, or another curriculum"
    if growth is not None and not curriculum.startswith("growing"):
        return f"train.growth={growth}: not for train.curriculum={curriculum}; valid: null, or growing"
    return None


def of_orthogonal_penalty(weight: float | None, cell: Cell, input_size: int, hidden_size: int) -> str | None:
    """The penalty needs recurrent matrices that are trained."""
    if weight is None:
        return None
    from harness.engine.orthogonal_penalty import has_recurrent_matrices

    if has_recurrent_matrices(cell, input_size, hidden_size):
        return None
    return f"train.orthogonal_penalty={weight}: cell={cell.name} trains no recurrent matrix; valid: null"


def of_gradient_penalty(
    weight: float | None, k2: int | None, cell: Cell, input_size: int, hidden_size: int
) -> str | None:
    """The penalty needs the whole way back, and recurrent weights that are trained: it moves no others."""
    if weight is None:
        return None
    if k2 is not None:
        return f"train.gradient_penalty={weight}: not with train.k2={k2}, which cuts the way back; valid: null"
    if any(each.kind == "recurrent" and each.trained for each in cell.parameters(input_size, hidden_size).values()):
        return None
    return f"train.gradient_penalty={weight}: cell={cell.name} trains no recurrent weight; valid: null"


def of_dropout(rate: float, num_layers: int) -> str | None:
    """Dropout between layers needs two."""
    if not rate or num_layers > 1:
        return None
    return f"dropout={rate}: acts between layers, and there is one; valid: 0, or num_layers=2 or more"


def of_truncation(k1: int | None, k2: int | None, seq_len: int) -> str | None:
    """A way back is cut where it is longer, and no later than the errors that go together."""
    if k1 is not None and (k2 is None or k1 > k2):
        return f"train.k1={k1}: not with train.k2={said(k2)}; valid: null, or 1 to train.k2"
    if k2 is None or k2 < seq_len:
        return None
    return f"train.k2={k2}: no way back is longer with seq_len={seq_len}; valid: null, or less than seq_len"
