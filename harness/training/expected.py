"""What theory says of a run before it is trained."""

from __future__ import annotations

import math

from harness.cells.initial import GAINS
from harness.settings.settings import Settings


def expected_rate(run: Settings, input_power: float) -> float:
    """ln of the gradient's factor per step that the theory of the run's cell says; NaN where it says nothing.

    It is about one layer, recurrent weights that point into random directions, and input weights that are uniform in
    ±1/√H, whose variance is 1 / (3 H), times `input_scale`. The mean squared length of an embedded token is its size.

    Args:
        input_power: mean squared length of a step's input.
    """
    theory, gain = run.cell.theory(), GAINS.get(run.init)
    if theory is None or gain is None or run.num_layers > 1 or run.block != "plain" or not math.isfinite(input_power):
        return math.nan
    scale = gain * run.weight_scale
    entering = (run.embedding_size or input_power) * run.input_scale**2
    return theory.rate(scale, entering / (3 * run.hidden_size)) if scale > 0 else math.nan
