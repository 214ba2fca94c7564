"""Triton kernels without a GPU: run by Triton's interpreter, which a process has to be started with."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from harness.cells import Cell
from harness.engine.network import Network
from harness.engine.scan.compiler import CannotCompile
from harness.engine.scan.graphed import GraphedScanner
from harness.engine.scan.stepwise import StepwiseScanner
from harness.engine.scan.triton.scanner import TritonScanner
from harness.engine.scan.triton.stages import TritonStages
from harness.engine.weights import Architecture, MemberInit


class NeverOtherwise(TritonScanner):
    """A test of a kernel is none of what would run instead."""

    def refuse(self, problem: CannotCompile) -> None:
        raise AssertionError(str(problem)) from problem


def network_of(
    cell: Cell, dtype: torch.dtype, features: int = 3, hidden_size: int = 4, layers: int = 1, recompute: bool = False
) -> Network:
    """Two members, with weights of which none is 0, run stepwise."""
    shape = Architecture(cell, features, hidden_size, layers, output_size=3)
    inits = [MemberInit(cell, k, "gaussian", 0.8 + 0.2 * k) for k in range(2)]
    network = Network.create(shape, inits, dtype, "cpu", compiled=False, recompute=recompute)
    network.flat += 0.1 * torch.randn(network.flat.shape, dtype=torch.float64, generator=torch.manual_seed(0)).to(dtype)
    return network


def by_triton(network: Network) -> Network:
    """The same weights, run by Triton kernels."""
    made = Network(network.shape, network.flat, compiled=False, recompute=network.recompute)
    for layer, plain in enumerate(made.scanners):
        assert isinstance(plain, StepwiseScanner)
        made.scanners[layer] = NeverOtherwise(plain.plan, network.flat.dtype, GraphedScanner(plain))
    return made


def _nothing() -> None:
    """Called to have the process started."""


class NeverByTorch(StepwiseScanner):
    """A test of stages by Triton is none of what would run instead."""

    def refuse(self, problem: CannotCompile) -> None:
        raise AssertionError(str(problem)) from problem


def by_stages(network: Network) -> Network:
    """The same weights, run step by step with a Triton kernel for each stage."""
    made = Network(network.shape, network.flat, compiled=False, recompute=network.recompute)
    for layer, plain in enumerate(made.scanners):
        assert isinstance(plain, StepwiseScanner)
        made.scanners[layer] = NeverByTorch(plain.plan, TritonStages(plain.plan, network.flat.dtype))
    return made


@contextmanager
def interpreter() -> Iterator[Callable[..., Any]]:
    """Another process, which calls functions of modules and hands back what they give."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("TRITON_INTERPRET", "1")
            patched.setenv("OMP_NUM_THREADS", "1")
            pool.submit(_nothing).result()
        yield lambda function, *arguments: pool.submit(function, *arguments).result()
