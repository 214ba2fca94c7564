"""Pieces of a sequence that are run one after another, where all steps at once would take too much memory."""

from __future__ import annotations

import math


def root_span(length: int) -> int:
    """Steps of a piece where both a piece and the states between pieces are to be kept: about √length."""
    return math.isqrt(length - 1) + 1


def pieces(length: int, size: int) -> list[tuple[int, int]]:
    """The steps begin + 1 … end of each piece of at most ``size`` steps.

    >>> pieces(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [(begin, min(begin + size, length)) for begin in range(0, length, size)]
