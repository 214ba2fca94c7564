"""Which way a layer is run over time.

All ways give the same results: `compiled` (one call of a kernel generated from the cell's formula; CPUs with a C
compiler), `stepwise` (a torch operation at a time; every device; as CUDA graphs in `graphed`), and `general` (autograd
through any step, for cells that are no recurrent product with a pointwise step). The choice is made here and nowhere
else.
"""

from __future__ import annotations

import torch

from harness.cells.base import Cell, PointwiseCell
from harness.engine.scan.compiled import kernel
from harness.engine.scan.compiler import warn_once
from harness.engine.scan.general import GeneralScanner
from harness.engine.scan.graphed import GraphedScanner
from harness.engine.scan.interface import Scanner
from harness.engine.scan.stepwise import StepwiseScanner


def scanner(cell: Cell, input_size: int, dtype: torch.dtype, device: torch.device, compile: bool) -> Scanner:
    """The way to run a cell.

    Args:
        input_size: F of the lowest layer, the one that tokens may enter.
        compile: use a compiled kernel where one can be made, or CUDA graphs on a GPU.
    """
    if not isinstance(cell, PointwiseCell):
        if compile:
            warn_once(f"cell {cell.name} runs without a compiled kernel: these are made for a PointwiseCell alone")
        return GeneralScanner(cell, input_size)
    if compile and device.type == "cuda":
        return GraphedScanner(StepwiseScanner(cell))
    found = kernel(cell, dtype, device) if compile else None
    return found or StepwiseScanner(cell)
