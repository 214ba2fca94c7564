"""Figures."""

from harness.figures.base import Figure
from harness.figures.drawing.style import palette

__all__ = ["Figure", "palette"]
