"""Which way a layer is run over time.

All ways give the same results: `compiled` (one call of a kernel generated from the cell's formula; CPUs with a C
compiler), `triton` (kernels generated from the formula, too; GPUs, where a cell's weights fit on the chip), `stepwise`
(the formula's operations one after another in torch; every device; as CUDA graphs in `graphed`), and `general`
(autograd through any step, for steps that are no formula). The choice is made here and nowhere else.
"""

from __future__ import annotations

import logging

import torch

from harness.cells.base import Cell
from harness.engine.scan.compiled import kernel
from harness.engine.scan.compiler import warn_once
from harness.engine.scan.general import GeneralScanner
from harness.engine.scan.graphed import GraphedScanner
from harness.engine.scan.interface import Scanner
from harness.engine.scan.plan import planned_step
from harness.engine.scan.stepwise import StepwiseScanner
from harness.engine.scan.triton.kernels import why_not
from harness.engine.scan.triton.scanner import TritonScanner

log = logging.getLogger(__name__)


def scanner(
    cell: Cell, input_size: int, hidden_size: int, dtype: torch.dtype, device: torch.device, compile: bool
) -> Scanner:
    """The way to run a layer.

    Args:
        input_size: F, how many numbers enter the layer at a step.
        compile: use a compiled kernel where one can be made, or else CUDA graphs on a GPU.
    """
    planned = planned_step(cell, input_size, hidden_size)
    if planned is None:
        if compile:
            warn_once(f"cell {cell.name} runs without a compiled kernel, several times slower: its step is no formula")
        return GeneralScanner(cell, input_size, cell.widths(hidden_size))
    if compile and device.type == "cuda":
        graphed = GraphedScanner(StepwiseScanner(planned))
        reason = why_not(planned, dtype, device)
        if reason is None:
            return TritonScanner(planned, dtype, graphed)
        log.info("cell %s runs as CUDA graphs, not as a Triton kernel: %s", cell.name, reason)
        return graphed
    found = kernel(planned, dtype, device) if compile else None
    return found or StepwiseScanner(planned)
