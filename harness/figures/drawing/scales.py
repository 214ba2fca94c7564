"""Logarithmic scales: exponents of values, their range, and ticks at whole powers of ten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST_DECADES = 2.0
"""A scale is never narrower: noise around one value would fill it."""

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def log10(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """log10 of positive finite values, NaN elsewhere."""
    usable = np.isfinite(values) & (values > 0)
    return np.log10(values, out=np.full(values.shape, np.nan), where=usable)


def decades(exponents: NDArray[np.float64]) -> tuple[float, float]:
    """The range of the finite exponents, widened to `LEAST_DECADES` so that it holds whole powers of ten."""
    known = exponents[np.isfinite(exponents)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (-1.0, 0.0)
    missing = max(0.0, LEAST_DECADES - (high - low)) / 2
    return low - missing, high + missing


def whole_powers(low: float, high: float) -> list[float]:
    """A handful of whole exponents between two exponents at least `LEAST_DECADES` apart."""
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(nbins=6, integer=True).tick_values(low, high)
    return [float(tick) for tick in ticks if low <= tick <= high and float(tick).is_integer()]


def power(exponent: float) -> str:
    """``10⁻³``, as plain text: formulas took matplotlib a seventh of the time of a figure."""
    return "10" + f"{exponent:.0f}".translate(RAISED)


def powers_axis(axis: Axes, low: float, high: float, below: float = 0.3, above: float = 0.3) -> None:
    """Let the y axis reach from one exponent to another, with some room, and name whole powers of ten on it."""
    axis.set_ylim(low - below, high + above)
    axis.set_yticks(ticks := whole_powers(low, high), labels=[power(tick) for tick in ticks])
