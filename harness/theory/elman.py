"""Networks whose step is a function of h · W + x · W_x: linear, tanh, ReLU, erf."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from harness.theory.base import Theory
from harness.theory.mean_field import chi, fixed_length


@dataclass(frozen=True)
class Elman(Theory):
    """h_t = φ(h_{t-1} · W + x_t · W_x), biases 0: the gradient's factor per step is √χ at the fixed length q*.

    Of a linear network it is the weight scale itself, whatever the inputs.

    Source: see `harness.theory.mean_field`; Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural
    networks", ICML 2013, for the bound ‖W‖ γ, γ the largest slope of φ.

    Attributes:
        activation: φ, one of those of `harness.theory.mean_field.ACTIVATIONS` whose largest slope is 1.
    """

    activation: str
    steepest: ClassVar[float | None] = 1.0

    def rate(self, weight_scale: float, input_variance: float) -> float:
        """½ ln χ."""
        q = fixed_length(self.activation, weight_scale, input_variance)
        found = chi(self.activation, weight_scale, q)
        return 0.5 * math.log(found) if found > 0 else -math.inf
