"""Numbers and lists in words."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from harness.tables.varied import as_typed

MOST_LISTED = 6
"""Most values that a sentence lists one by one."""


def factor(rate: float) -> float:
    """The factor per step of a decay rate; inf where it is beyond all numbers."""
    with np.errstate(over="ignore"):
        return float(np.exp(np.float64(rate)))


def percent(share: float) -> str:
    """A share as a percentage with as many digits as it needs: 100 %, 12.5 %; all and none are never rounded."""
    if not np.isfinite(share):
        return "an undefined share"
    text = f"{100 * share:.1f}".removesuffix(".0")
    if text == "100" and share < 1:
        return "more than 99.9 %"
    return "less than 0.1 %" if text == "0" and share > 0 else f"{text} %"


def amount(ratio: float) -> str:
    """A ratio in words that also fit the extremes."""
    if np.isnan(ratio):
        return "an undefined share"
    if np.isposinf(ratio):
        return "infinitely many times"
    return "nothing" if ratio == 0 else f"{ratio:.2g} times" if ratio >= 1 else f"{ratio:.2g}"


def short(value: float) -> str:
    """Two digits at least, and no exponent where the value is large: 0.061, 2.8, 150."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def listed(values: Iterable[object]) -> str:
    """``1, 2 and 3``; of many the first, and how many more there are."""
    words = [as_typed(value) for value in values]
    if len(words) > MOST_LISTED:
        words = [*words[: MOST_LISTED - 1], f"{len(words) - MOST_LISTED + 1} more"]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def spread(values: Iterable[float], most: int) -> list[float]:
    """As many of the values, in order and evenly spread, the smallest and the largest among them."""
    known = sorted(set(values))
    if len(known) <= most:
        return known
    return [known[place] for place in np.linspace(0, len(known) - 1, most).round().astype(int)]
