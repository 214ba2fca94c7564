"""What a cell's theory says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar


class Theory(ABC):
    """What is known of a cell with many units and random weights, before any training.

    Recurrent weights are independent with mean 0 and variance weight_scale² / H, or orthogonal times weight_scale.

    Attributes:
        steepest: γ, the largest slope of the unit, where a step's Jacobian is the recurrent matrix times slopes; None
            where it is not. Then no gradient grows faster than γ times the matrix's largest singular value per step.
    """

    steepest: ClassVar[float | None] = None

    @abstractmethod
    def rate(self, weight_scale: float, input_variance: float) -> float:
        """ln of the factor by which a step back multiplies the gradient's norm, in the long run.

        Args:
            weight_scale: g.
            input_variance: that of what the inputs add to a unit (of each gate), x · W_x.

        Returns:
            -inf where nothing is left after a step.
        """
