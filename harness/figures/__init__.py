"""Figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.lazy import lazy
from harness.figures.base import Figure

if TYPE_CHECKING:
    from harness.figures.drawing.style import palette

__all__ = ["Figure", "palette"]

__getattr__, __dir__ = lazy(__name__, {"palette": "harness.figures.drawing.style"})
