"""A Triton kernel that computes a function of one number, for tests of these functions."""

import triton
import triton.language as tl

from harness.engine.scan.triton.functions import exp, log1p, sigmoid, sqrt, tanh


@triton.jit
def apply(x, y, size, NAME: tl.constexpr, SIZE: tl.constexpr):
    """``y`` = ``NAME`` of ``x``, numbers of the same precision."""
    j = tl.arange(0, SIZE)
    value = tl.load(x + j, mask=j < size, other=1.0)
    if NAME == "exp":
        value = exp(value)
    elif NAME == "sigmoid":
        value = sigmoid(value)
    elif NAME == "tanh":
        value = tanh(value)
    elif NAME == "log1p":
        value = log1p(value)
    elif NAME == "sqrt":
        value = sqrt(value)
    tl.store(y + j, value, mask=j < size)
