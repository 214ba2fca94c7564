"""Functions of Triton that the kernels of all cells share, of tiles (samples, units) in float32 or float64.

Those of one number are as exact as the C kernel's. Triton's own `exp` in float32 is not: its error grows with |x|.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator"

import triton
import triton.language as tl


@triton.jit
def reduced(x):
    """x as n ln(2) + r with |r| ≤ ln(2)/2 and a whole n; gives 2^n, r, and p of exp(r) = 1 + r + r² p."""
    n = tl.floor(x * 1.4426950408889634 + 0.5)
    if x.dtype == tl.float64:
        r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10
        power = ((n.to(tl.int64) + 1023) << 52).to(tl.float64, bitcast=True)
        p = r * (1.0 / 6227020800.0) + 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
    else:
        r = (x - n * 0.693359375) - n * -2.12194440e-4
        power = ((n.to(tl.int32) + 127) << 23).to(tl.float32, bitcast=True)
        p = r * 0.0 + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    return power, r, p


@triton.jit
def exp(x):
    """e^x; beyond the numbers of a precision, about the largest or the smallest of them, as in the C kernel."""
    if x.dtype == tl.float64:
        top = 709.0
        bottom = -708.0
    else:
        top = 88.0
        bottom = -87.0
    x = tl.where(x > top, top, x)
    x = tl.where(x < bottom, bottom, x)
    power, r, p = reduced(x)
    return (1 + (r + r * r * p)) * power


@triton.jit
def sigmoid(x):
    """1 / (1 + e^-x)."""
    return 1 / (1 + exp(-x))


@triton.jit
def tanh(x):
    """By e^2x - 1, which loses nothing where x is small."""
    twice = 2 * tl.abs(x)
    power, r, p = reduced(tl.where(twice > 80.0, 80.0, twice))
    grown = power * (r + r * r * p) + (power - 1)
    made = grown / (grown + 2)
    return tl.where(x < 0, -made, made)


@triton.jit
def relu(x):
    """max(0, x), written so that a NaN passes."""
    return tl.where(x < 0, 0.0, x)


@triton.jit
def log1p(x):
    """ln(1 + x); what 1 + x was rounded by is made up for (Goldberg 1991, theorem 4)."""
    u = 1 + x
    found = tl.log(u) * (x / tl.where(u == 1, 1.0, u - 1))
    found = tl.where(u == 1, x, found)
    return tl.where(x == float("inf"), x, found)


@triton.jit
def sqrt(x):
    """The square root, rounded to the nearest number."""
    if x.dtype == tl.float64:
        return tl.sqrt(x)
    return tl.sqrt_rn(x)


@triton.jit
def until_end(value, other, alive, LENGTHS: tl.constexpr):
    """A value, of samples that have ended another one, where samples have lengths of their own."""
    return tl.where(alive, value, other) if LENGTHS else value


@triton.jit
def largest(x):
    """The largest unit of each sample, NaN where any is."""
    missing = tl.sum((x != x).to(tl.int32), axis=1, keep_dims=True)
    return tl.where(missing > 0, float("nan"), tl.max(x, axis=1, keep_dims=True))


@triton.jit
def regrouped(x, index, SAMPLES: tl.constexpr, UNITS: tl.constexpr):
    """Of each sample the units of an index (1, UNITS)."""
    return tl.gather(x, tl.broadcast_to(index, (SAMPLES, UNITS)), 1)


@triton.jit
def safe(scale):
    """A scale to divide by: 1 where it is 0, infinite or NaN."""
    return tl.where((scale > 0) & (scale < float("inf")), scale, 1.0)


@triton.jit
def squares(x, scale):
    """The sum of squares of each sample, in float64."""
    scaled = x.to(tl.float64) / scale[:, None]
    return tl.sum(scaled * scaled, axis=1)
