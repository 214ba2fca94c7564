"""The scan: one layer of K members run over time, forward, and the gradient carried back.

The carry of the backward scan is dL/ds_t, the per-step gradient that this project is about.

There are several ways, with the same results: `compiled` (one call of a kernel generated from the cell's formula; CPUs
with a C compiler), `stepwise` (a torch operation at a time; every device; as CUDA graphs in `graphed`), and `general`
(autograd through any step, for cells that are no recurrent product with a pointwise step). Which one is taken is
decided here and nowhere else.
"""

from __future__ import annotations

import torch

from harness.cells.base import Cell, PointwiseCell
from harness.engine.scan.compiled import kernel
from harness.engine.scan.general import GeneralScanner
from harness.engine.scan.graphed import GraphedScanner
from harness.engine.scan.interface import Buffers, GradFromAbove, Scanner, StepGradients, Trace, norm
from harness.engine.scan.stepwise import StepwiseScanner

__all__ = ["Buffers", "GradFromAbove", "Scanner", "StepGradients", "Trace", "norm", "scanner"]


def scanner(cell: Cell, input_size: int, dtype: torch.dtype, device: torch.device, compile: bool) -> Scanner:
    """The way to run a cell.

    Args:
        input_size: F of the lowest layer, the one that tokens may enter.
        compile: use a compiled kernel where one can be made, or CUDA graphs on a GPU.
    """
    if not isinstance(cell, PointwiseCell):
        return GeneralScanner(cell, input_size)
    if compile and device.type == "cuda":
        return GraphedScanner(StepwiseScanner(cell))
    found = kernel(cell, dtype, device) if compile else None
    return found or StepwiseScanner(cell)
