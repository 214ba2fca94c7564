"""What a task's outputs mean: their loss, which of them are right, and how they read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


class Outputs(ABC):
    """The meaning of output vectors of length `size`; every method works output by output.

    Attributes:
        size: length of the network's output vector.
        extra: shape of one target: ``()`` for a single number, ``(n,)`` for n of them.
        dtype: numpy's kind of the targets: ``i`` whole numbers, ``f`` real ones.
    """

    size: int
    extra: tuple[int, ...] = ()
    dtype: ClassVar[str] = "i"

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every output: from (…, size) and (…, *extra) to (…)."""

    @abstractmethod
    def right(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Which outputs are right by the task's criterion: (…), true or false; NaN is never right."""

    @abstractmethod
    def say(self, target: NDArray[np.generic]) -> str:
        """A target of shape `extra` in words."""

    @abstractmethod
    def decide(self, output: NDArray[np.float64]) -> NDArray[np.generic]:
        """What an output vector (size,) says, in the form of a target; undefined where it is not finite."""


@dataclass(frozen=True)
class Classes(Outputs):
    """One of n classes. Loss: cross-entropy in nats. Right: the largest logit is the target's.

    Targets are whole numbers from 0, one per output. Also for next-token tasks.
    """

    n: int

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.n

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy."""
        from torch.nn import functional

        flat = functional.cross_entropy(outputs.flatten(0, -2), targets.flatten(), reduction="none")
        return flat.view(targets.shape)

    def right(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Whether the largest logit is the target's."""
        # An output that is not a number is an answer that was not given.
        return (outputs.argmax(-1) == targets) & outputs.isfinite().all(-1)

    def say(self, target: NDArray[np.generic]) -> str:
        """The class's number."""
        return str(int(target))

    def decide(self, output: NDArray[np.float64]) -> NDArray[np.generic]:
        """The class of the largest logit."""
        return np.asarray(output.argmax())


@dataclass(frozen=True)
class Labels(Outputs):
    """n labels, each present or not. Loss: binary cross-entropy in nats, averaged over the labels.

    Targets are 0 or 1, n per output. Right: every label is on the right side of one half.
    """

    n: int

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.n

    @property
    def extra(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.n,)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy."""
        from torch.nn import functional

        each = functional.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype), reduction="none")
        return each.mean(-1)

    def right(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Whether every label is right."""
        return ((outputs > 0) == (targets > 0)).all(-1) & outputs.isfinite().all(-1)

    def say(self, target: NDArray[np.generic]) -> str:
        """The numbers of the labels that are present."""
        return "{" + ", ".join(map(str, np.flatnonzero(target))) + "}"

    def decide(self, output: NDArray[np.float64]) -> NDArray[np.generic]:
        """The labels whose logit is positive."""
        return np.asarray(output > 0, dtype=np.int64)


@dataclass(frozen=True)
class Values(Outputs):
    """n real values. Loss: squared error, averaged over the values.

    Targets are real, one per output where n is 1, else n. Right, the criterion by which accuracy counts
    and a run has solved the task: no value is off by more than `tolerance`.
    """

    tolerance: float
    n: int = 1
    dtype: ClassVar[str] = "f"

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.n

    @property
    def extra(self) -> tuple[int, ...]:  # type: ignore[override]
        return () if self.n == 1 else (self.n,)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Squared error."""
        return (outputs - self._as_vectors(targets)).square().mean(-1)

    def right(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Whether every value is within the tolerance."""
        # A NaN is within no tolerance.
        return ((outputs - self._as_vectors(targets)).abs() <= self.tolerance).all(-1)

    def say(self, target: NDArray[np.generic]) -> str:
        """The values with three decimals."""
        return ", ".join(f"{value:.3f}" for value in np.atleast_1d(target))

    def decide(self, output: NDArray[np.float64]) -> NDArray[np.generic]:
        """The values themselves."""
        return output[0] if self.n == 1 else output

    def _as_vectors(self, targets: Tensor) -> Tensor:
        return targets if self.extra else targets[..., None]


def masked_mean(values: Tensor, mask: Tensor, in_order: bool = False) -> Tensor:
    """Mean over the last axis where ``mask`` is true: (…, S) to (…).

    Args:
        in_order: add one value after another, so that what is masked does not even change how sums are rounded.
    """
    # What is left out may be NaN: it must not reach the sum, and no gradient may come from it.
    known = values.where(mask, 0)
    total = known.cumsum(-1)[..., -1] if in_order else known.sum(-1)
    return total / mask.sum(-1).clamp(min=1)
