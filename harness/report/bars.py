"""Bars that show how much of the answer's gradient arrives, on one scale in all pictures of a report's samples."""

from __future__ import annotations

from harness.base.language import gettext as _

FLOOR = -6.0
"""The power of ten at which a bar is empty; it is full where as much arrives as at the answer."""


def fill(share: float) -> float:
    """How full a bar is, from 0 to 1.

    Args:
        share: what arrives, as a power of ten relative to the answer.
    """
    return 1 - min(max(share / FLOOR, 0.0), 1.0)


def scale_in_words() -> str:
    """What `FLOOR` and `fill` come to, for readers."""
    return _(
        "A bar is full where as much arrives as at the answer. It is half full at a thousandth, and empty at a "
        "millionth."
    )
