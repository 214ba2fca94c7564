"""Which way a layer is run over time.

All ways give the same results: `compiled` (one call of a kernel generated from the cell's formula; CPUs with a C
compiler), `triton` (a kernel generated from the formula, too, for all steps; GPUs, where a cell's weights fit on the
chip), `stepwise` (step by step, products by torch, and the stages between them by a kernel each, `triton.stages`, or by
torch; every device; as CUDA graphs in `graphed`), and `general` (autograd through any step, for steps that are no
formula). The choice is made here and nowhere else.
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
from harness.engine.scan.plan import Plan, planned_step
from harness.engine.scan.stepwise import StepwiseScanner
from harness.engine.scan.triton.kernels import why_no_kernels, why_not_all_steps
from harness.engine.scan.triton.scanner import TritonScanner
from harness.engine.scan.triton.stages import TritonStages

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
        return _on_gpu(cell, planned, dtype, device)
    found = kernel(planned, dtype, device) if compile else None
    return found or StepwiseScanner(planned)


def _on_gpu(cell: Cell, planned: Plan, dtype: torch.dtype, device: torch.device) -> Scanner:
    if reason := why_no_kernels(dtype):
        log.info("cell %s runs as CUDA graphs, without Triton kernels: %s", cell.name, reason)
        return GraphedScanner(StepwiseScanner(planned))
    staged = GraphedScanner(StepwiseScanner(planned, TritonStages(planned, dtype)))
    if reason := why_not_all_steps(planned, dtype, device):
        log.info("cell %s runs as CUDA graphs with Triton kernels, not as one kernel: %s", cell.name, reason)
        return staged
    return TritonScanner(planned, dtype, staged)
