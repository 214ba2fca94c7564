"""Triton kernels, made of a cell's source when they are first called; nothing else of the engine imports Triton."""

from __future__ import annotations

import itertools
import linecache
import os
import shutil
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from subprocess import CalledProcessError
from typing import Any

import torch

from harness.engine.scan.compiler import CannotCompile
from harness.engine.scan.nodes import REGROUPED, in_order
from harness.engine.scan.plan import Plan
from harness.engine.scan.schedule import Program
from harness.engine.scan.triton.source import Source
from harness.engine.scan.triton.tiles import REALS, SAMPLES, units

ON_CHIP = 163 * 1024
"""Bytes of shared memory that a block may have, of an A100; used where there is no device to be asked."""

TILES = 12
"""Tiles of samples and units for which there has to be room besides the weights, as compiled for an H100."""

MOST_MOVED = 64
"""Units that may be put together anew between threads: compiling takes time with the square of their number."""

OLDEST = (3, 2)
"""The version of Triton that has all that the kernels are written with."""

_numbers = itertools.count()


def why_no_kernels(dtype: torch.dtype) -> str | None:
    """Why there can be no Triton kernels on a GPU; None where there can."""
    if dtype not in REALS:
        return f"{dtype} is not a precision of the kernels"
    if find_spec("triton") is None:
        return "the package triton is not installed"
    if (found := _version()) < OLDEST:
        return f"triton is of version {'.'.join(map(str, found))}; valid: {'.'.join(map(str, OLDEST))} or later"
    if not (os.environ.get("CC") or shutil.which("clang") or shutil.which("gcc")):
        return "Triton needs a C compiler, gcc or clang"
    return None


def _version() -> tuple[int, ...]:
    """Of Triton; that of a build by another name is taken to be new enough."""
    try:
        return tuple(map(int, version("triton").split(".")[:2]))
    except PackageNotFoundError:
        return OLDEST


def why_not_all_steps(plan: Plan, dtype: torch.dtype, device: torch.device) -> str | None:
    """Why a cell's scan cannot be one Triton kernel through all steps; None where it can."""
    if (most := _moved(plan)) > MOST_MOVED:
        return f"vectors of {most} units are put together anew, and more than {MOST_MOVED} take minutes to compile"
    size, room = _bytes(plan, dtype), ON_CHIP
    if torch.cuda.is_available():
        properties: Any = torch.cuda.get_device_properties(device)
        room = properties.shared_memory_per_block_optin
    if size > room:
        return f"weights and tiles of {size // 1024} KB do not fit on the chip ({room // 1024} KB)"
    return None


def _moved(plan: Plan) -> int:
    """How many units the widest vector has that is put together anew of others, forward or backward."""
    phases = [*plan.forward.phases, *plan.backward.phases]
    across = [made.node for phase in phases for each in phase.passes for made in each.across]
    widths = [max(node.width, node.args[0].width) for node in across if node.op in REGROUPED]
    return max(widths, default=0)


def _bytes(plan: Plan, dtype: torch.dtype) -> int:
    """About how much shared memory the larger of the two kernels takes."""
    widest = max(units(width) for width in (*plan.widths.values(), plan.input_size))
    return dtype.itemsize * (weights_on_chip(plan) + TILES * SAMPLES * widest)


def weights_on_chip(plan: Plan) -> int:
    """How many numbers the tiles of weight matrices have, of the kernel that has more."""
    return max(_weights(program) for program in (plan.forward, plan.backward))


def _weights(program: Program) -> int:
    nodes = in_order([store.node for store in program.asked], program.known)
    blocks = {block for node in nodes if node not in program.known for block in node.blocks}
    return sum(units(block.rows) * units(block.columns) for block in blocks)


def warps(plan: Plan, dtype: torch.dtype) -> int:
    """Warps that share a block's work: few, but no thread may have more numbers than registers (seen for an H100)."""
    kilobytes = dtype.itemsize * weights_on_chip(plan) / 1024
    return next((count for most, count in ((32, 4), (96, 8)) if kilobytes <= most), 16)


@dataclass(frozen=True)
class Kernels:
    """The two kernels of a cell in one precision.

    Attributes:
        source: what they were made from.
        module: the names that it defines.
        warps: how many warps a block has.
    """

    source: Source
    module: dict[str, Any]
    warps: int

    def launch(self, name: str, blocks: tuple[int, int], arguments: dict[str, Any]) -> None:
        """Run one of the kernels, ``forward`` or ``backward``.

        Args:
            blocks: members, and blocks of samples.

        Raises:
            CannotCompile: Triton cannot make a kernel of it here.
        """
        launch(self.module[name], blocks, arguments, self.warps, arguments["x"].device)


def launch(kernel: Any, blocks: tuple[int, ...], arguments: dict[str, Any], warps: int, device: torch.device) -> None:
    """Run a kernel on a device; when it is first called, it is compiled.

    Raises:
        CannotCompile: Triton cannot make a kernel of it here.
    """
    from triton.runtime.errors import TritonError

    try:
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            kernel[blocks](**arguments, num_warps=warps, enable_fp_fusion=True)
    except (TritonError, CalledProcessError) as problem:
        raise CannotCompile(str(problem).splitlines()[0]) from problem


@lru_cache(maxsize=256)
def kernels(plan: Plan, dtype: torch.dtype) -> Kernels:
    """The kernels of a cell's step, compiled when they are first called.

    Raises:
        CannotCompile: Triton cannot be loaded.
    """
    source = Source.of(plan, dtype)
    return Kernels(source, loaded(source.code), warps(plan, dtype))


def loaded(code: str) -> dict[str, Any]:
    """The names that code for Triton defines.

    Raises:
        CannotCompile: Triton cannot be loaded.
    """
    name = f"<triton kernel {next(_numbers)}>"
    # Triton reads the source of what it compiles.
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    module: dict[str, Any] = {"__name__": "harness.engine.scan.triton.made"}
    try:
        exec(compile(code, name, "exec"), module)
    except ImportError as problem:
        raise CannotCompile(f"triton cannot be loaded: {problem}") from problem
    return module
