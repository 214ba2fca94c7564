"""Numbers and lists in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TypeVar

import numpy as np

from harness.base.language import gettext as _
from harness.base.language import ngettext
from harness.tables.varied import as_typed

Value = TypeVar("Value")

MOST_LISTED = 6
"""Most values that a sentence lists one by one."""


SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def factor(rate: float) -> float:
    """The factor per step of a decay rate, or that of any logarithm; inf where it is beyond all numbers."""
    with np.errstate(over="ignore"):
        return float(np.exp(np.float64(rate)))


def percent(share: float) -> str:
    """A share as a percentage with as many digits as it needs: 100 %, 12.5 %; all and none are never rounded."""
    if not np.isfinite(share):
        return _("an undefined share")
    text = f"{100 * share:.1f}".removesuffix(".0")
    if text == "100" and share < 1:
        return _("more than {number} %").format(number="99.9")
    return (_("less than {number} %") if text == "0" and share > 0 else _("{number} %")).format(
        number="0.1" if text == "0" and share > 0 else text
    )


def short(value: float) -> str:
    """Two digits at least, and no exponent where the value is large: 0.061, 2.8, 150."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def times(ratio: float) -> str:
    """A ratio as a number of times: ``0.02 times``, ``1.2·10⁻⁵ times``; also where it is no number."""
    if np.isnan(ratio):
        return _("an undefined number of times")
    if np.isposinf(ratio):
        return _("infinitely many times")
    return _("{number} times").format(number=_with_power(ratio))


def _with_power(value: float) -> str:
    """Two digits; of what is very small or large with a power of ten, as it is written by hand."""
    if value == 0 or 1e-3 <= value < 1e4:
        return f"{value:.2g}" if value < 10 else f"{value:.0f}"
    digits, power = f"{value:.1e}".split("e")
    return f"{digits}·10{str(int(power)).translate(SUPERSCRIPTS)}"


def counted_runs(count: int) -> str:
    """``1 run``, ``3 runs``."""
    return ngettext("{count} run", "{count} runs", count).format(count=count)


def listed(values: Iterable[object]) -> str:
    """``1, 2 and 3``; of many the first, and how many more there are."""
    words = [as_typed(value) for value in values]
    if len(words) > MOST_LISTED:
        more = _("{count} more").format(count=len(words) - MOST_LISTED + 1)
        words = [*words[: MOST_LISTED - 1], more]
    if len(words) == 1:
        return words[0]
    return _("{others} and {last}").format(others=_(", ").join(words[:-1]), last=words[-1])


def in_words(value: str) -> str:
    """A shape, a verdict or a status, as tables have it, in the language in use; anything else as it is."""
    known = {
        "falls": _("falls"), "flat": _("flat"), "rises": _("rises"), "falls and rises": _("falls and rises"),
        "rises and falls": _("rises and falls"), "wavers": _("wavers"), "breaks off": _("breaks off"),
        "nothing arrives": _("nothing arrives"), "no error": _("no error"), "not finite": _("not finite"),
        "one step": _("one step"),
        "vanishing": _("vanishing"), "stable": _("stable"), "exploding": _("exploding"), "rising": _("rising"),
        "undefined": _("undefined"),
        "ok": _("ok"), "diverged": _("diverged"), "failed": _("failed"), "pruned": _("pruned"),
    }  # fmt: skip
    return known.get(value, value)


def together(sentences: Iterable[str]) -> str:
    """Sentences that follow each other."""
    return reduce(lambda one, other: _("{one} {other}").format(one=one, other=other), sentences)


def spread(values: Iterable[float], most: int) -> list[float]:
    """At most so many of the values, in order and evenly spread, the smallest and the largest among them."""
    return evenly(sorted(set(values)), most)


def evenly(values: Sequence[Value], most: int) -> list[Value]:
    """At most so many of the values, evenly spread, in their order; the first and the last of them are there."""
    if len(values) <= most:
        return list(values)
    return [values[int(place)] for place in np.linspace(0, len(values) - 1, most).round()]
