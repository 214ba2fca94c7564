"""Cells."""

from harness.cells.base import Cell, GeneralCell, HandDerivative, Parameter, PointwiseCell, State, Weights

__all__ = ["Cell", "GeneralCell", "HandDerivative", "Parameter", "PointwiseCell", "State", "Weights"]
