"""Functions for the equations of cells: each works on tensors, and on what stands in for them while a step is read.

All of them work unit by unit but for `total`, `mean`, `largest`, `softmax` and `normalised`, which go over the units of
a vector, `join`, which puts vectors side by side, and `repeat` and `fold`, by which a vector can be a matrix.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e^-x)."""
    return x.sigmoid()


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return x.tanh()


def relu(x: Tensor) -> Tensor:
    """max(0, x); the derivative at 0 is 0."""
    return x.relu()


def exp(x: Tensor) -> Tensor:
    """e^x."""
    return x.exp()


def log(x: Tensor) -> Tensor:
    """The natural logarithm."""
    return x.log()


def sqrt(x: Tensor) -> Tensor:
    """The square root."""
    return x.sqrt()


def sin(x: Tensor) -> Tensor:
    """The sine."""
    return x.sin()


def cos(x: Tensor) -> Tensor:
    """The cosine."""
    return x.cos()


def absolute(x: Tensor) -> Tensor:
    """|x|; the derivative at 0 is 0."""
    return x.abs()


def floor(x: Tensor) -> Tensor:
    """The largest whole number that is no larger; its derivative is 0."""
    return x.floor()


def where(condition: Any, x: Any, y: Any) -> Tensor:
    """x where the condition (a comparison, such as ``s.t < 3``) holds, y elsewhere; numbers or vectors."""
    if hasattr(condition, "nodes"):
        found: Tensor = condition.chosen(x, y)
        return found
    import torch

    return torch.where(condition, x, y)


def softplus(x: Tensor) -> Tensor:
    """ln(1 + e^x)."""
    # Half of x at 0: the derivative there is 1/2, of which neither relu(x) nor |x| has anything.
    return where(x > 0, x, where(x < 0, 0.0, 0.5 * x)) + (-absolute(x)).exp().log1p()


def leaky_relu(x: Tensor, slope: float = 0.01) -> Tensor:
    """x where it is positive, slope · x elsewhere."""
    return where(x > 0, x, slope * x)


def clamp(x: Tensor, low: float, high: float) -> Tensor:
    """x within bounds; at a bound the derivative is 1."""
    return where(x < low, low, where(x > high, high, x))


def hard_sigmoid(x: Tensor) -> Tensor:
    """max(0, min(1, 0.2 x + 0.5)), as in Theano and early Keras."""
    return clamp(0.2 * x + 0.5, 0.0, 1.0)


def maximum(x: Tensor, y: Tensor) -> Tensor:
    """The larger of two, unit by unit; where both are equal, the derivative goes to the second."""
    return where(x > y, x, y)


def minimum(x: Tensor, y: Tensor) -> Tensor:
    """The smaller of two, unit by unit; where both are equal, the derivative goes to the second."""
    return where(x < y, x, y)


def silu(x: Tensor) -> Tensor:
    """x · sigmoid(x)."""
    return x * sigmoid(x)


def gelu(x: Tensor) -> Tensor:
    """x · Φ(x), Φ of the normal distribution, in the form of Hendrycks, Gimpel 2016 that has a tanh for it."""
    return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


def mod_relu(x: Tensor, bias: Tensor) -> Tensor:
    """sign(x) · max(0, |x| + bias): moves x from or towards 0, never across it."""
    return where(x > 0, relu(x + bias), where(x < 0, -relu(bias - x), 0.0))


def total(x: Tensor) -> Tensor:
    """The sum over the units of a vector, of width 1."""
    return x.sum(dim=-1, keepdim=True)


def mean(x: Tensor) -> Tensor:
    """The mean over the units of a vector, of width 1."""
    return total(x) * (1 / x.shape[-1])


def largest(x: Tensor) -> Tensor:
    """The largest unit of a vector, of width 1; its derivative is taken to be 0."""
    return x.detach().amax(dim=-1, keepdim=True)


def softmax(x: Tensor) -> Tensor:
    """e^x over its sum over the units."""
    shifted = exp(x - largest(x))
    return shifted / total(shifted)


def normalised(x: Tensor, epsilon: float = 1e-5) -> Tensor:
    """(x - mean) / √(variance + epsilon) over the units: layer normalisation without gain and bias (Ba et al. 2016)."""
    centred = x - mean(x)
    return centred / sqrt(mean(centred * centred) + epsilon)


def repeat(x: Any, times: int, stretch: int = 1) -> Tensor:
    """Every stretch of units several times: a b c d with times=2 is a a b b c c d d, with stretch=2 a b a b c d c d.

    Args:
        stretch: units in a stretch; the vector is made of whole ones.
    """
    if hasattr(x, "nodes"):
        found: Tensor = x.repeat(times, stretch)
        return found
    wide: Tensor = x.unflatten(-1, (-1, 1, stretch)).expand(*[-1] * x.ndim, times, -1)
    return wide.flatten(-3)


def fold(x: Any, times: int, stretch: int = 1) -> Tensor:
    """Stretches added up as `repeat` lays them out: of a b c d with times=2 a+b c+d, with stretch=2, too, a+c b+d."""
    if hasattr(x, "nodes"):
        found: Tensor = x.fold(times, stretch)
        return found
    summed: Tensor = x.unflatten(-1, (-1, times, stretch)).sum(-2)
    return summed.flatten(-2)


def join(*vectors: Tensor) -> Tensor:
    """Vectors side by side."""
    first: Any = vectors[0]
    if hasattr(first, "nodes"):
        found: Tensor = first.beside(*vectors[1:])
        return found
    import torch

    return torch.cat(vectors, dim=-1)
