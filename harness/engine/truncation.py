"""Truncated backpropagation through time: how far errors are carried back within a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.engine.scan.interface import GradFromAbove


@dataclass(frozen=True)
class Stretch:
    """A piece of the way back.

    Attributes:
        begin, end: it leads through the steps begin + 1 … end.
        first: errors enter at the steps first + 1 … end.
        alone: whether nothing comes from the steps after it.
    """

    begin: int
    end: int
    first: int
    alone: bool

    def entering(self, above: GradFromAbove) -> GradFromAbove:
        """What enters it, its steps counted from ``begin``."""
        own = above.between(self.first, self.end)
        return GradFromAbove([step + self.first - self.begin for step in own.steps], own.values)


@dataclass(frozen=True)
class Truncation:
    """Every k1 steps, and at the end, the errors of the last k1 outputs are carried back through the last k2 steps.

    The states before these are constants. With k1 = k2 the sequence is cut into windows; with k1 = 1 every single error
    is carried back through exactly k2 steps, its own among them.

    Source: Williams, Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories", Neural Computation 2, 1990: BPTT(k2; k1); with these letters Sutskever, "Training recurrent neural
    networks", 2013, section 2.8.6. Difference: weights move once a sequence, not every k1 steps.

    Attributes:
        k1, k2: with k1 <= k2.
    """

    k1: int
    k2: int

    def stretches(self, length: int, scored: Sequence[int]) -> list[Stretch]:
        """The ways back, where any error enters.

        Args:
            length: steps of the sequence.
            scored: the steps (1-based) whose outputs have an error.
        """
        ends = [*range(self.k1, length, self.k1), length]
        found = [
            Stretch(max(0, end - self.k2), end, first, True) for first, end in zip([0, *ends[:-1]], ends, strict=True)
        ]
        return [each for each in found if any(each.first < step <= each.end for step in scored)]
