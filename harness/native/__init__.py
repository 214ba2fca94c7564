"""The scan as a compiled kernel: made on the fly from a cell's `step`, for CPUs with a C compiler.

The kernel does what `harness.scan` does step by step in torch, in one call: the recurrent products through the BLAS
that torch itself carries, the pointwise step and its derivative as one loop that the compiler vectorises. Where
anything is missing (a compiler, that BLAS, a step that is no formula), `kernel` says None and why in the log, and
everything works as before.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import math
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
import torch
from torch import Tensor

from harness.cells import Cell, State
from harness.native.symbolic import Untraceable, c_statements, formulas
from harness.scan import Buffers, LayerWeights, StepGradients

log = logging.getLogger(__name__)

REALS = {torch.float32: "float", torch.float64: "double"}
GEMMS = {torch.float32: "sgemm_", torch.float64: "dgemm_"}
TAYLOR_DEGREE = {torch.float32: 7, torch.float64: 13}
FLAGS = ["-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", "-std=gnu11"]
COMPILE_SECONDS = 60
ITEMS_PER_THREAD = 4
MIN_CHUNK = 8
"""Samples below which an item's products get too thin."""


@dataclass(frozen=True)
class Kernel:
    """A compiled scan of one cell in one precision."""

    cell: Cell
    library: ctypes.CDLL
    gemm: ctypes.c_void_p

    def forward(self, weights: LayerWeights, inputs: Tensor, hidden_size: int, buffers: Buffers) -> NativeTrace:
        """Run one layer over time from a zero state; what `harness.scan.forward` does.

        Args:
            inputs: x, shape (K, T, B, F).
        """
        members, steps, batch, features = inputs.shape
        blocks, recurrent = self.cell.input_blocks(), self.cell.recurrent_blocks()
        products = buffers("inputs", (members, steps * batch, blocks.stop * hidden_size))
        torch.bmm(inputs.reshape(members, steps * batch, features), weights.input, out=products)
        width = recurrent.stop - recurrent.start
        apart = width and not (recurrent.start == 0 and blocks.stop == len(self.cell.gates))
        trace = NativeTrace(
            self, inputs, products,
            buffers("recurrents", (members, steps * batch, width * hidden_size)) if apart else None,
            {part: buffers(f"state {part}", (members, steps + 1, batch, hidden_size)) for part in self.cell.parts},
        )  # fmt: skip
        for state in trace.states.values():
            state[:, 0] = 0
        self.library.forward(*trace.common(weights), *(_pointer(state) for state in trace.states.values()))
        return trace


@dataclass(frozen=True)
class NativeTrace:
    """What a compiled forward scan leaves for the backward scan.

    Attributes:
        inputs: x, shape (K, T, B, F).
        products: (K, T · B, I · H): input products, with the recurrent ones where all gates receive both.
        recurrents: (K, T · B, R · H): recurrent products where they are kept apart, else None.
        states: for each part (K, T + 1, B, H): s_0, s_1, …, s_T.
    """

    kernel: Kernel
    inputs: Tensor
    products: Tensor
    recurrents: Tensor | None
    states: State

    def backward(
        self,
        weights: LayerWeights,
        grad_h: Mapping[int, Tensor],
        grad: LayerWeights | None = None,
        keep: StepGradients | None = None,
        need_input_grad: bool = True,
    ) -> Tensor | None:
        """Carry the gradient back over time; what `harness.scan.Trace.backward` does."""
        members, steps, batch, features = self.inputs.shape
        # A pointer needs rows without gaps; the copies live until the call returns.
        outside = {t: value if value.stride(-1) == 1 else value.contiguous() for t, value in grad_h.items()}
        addresses = (ctypes.c_void_p * steps)(*(_pointer(outside.get(t)) for t in range(1, steps + 1)))
        strides = (ctypes.c_long * (2 * steps))()
        for t, value in outside.items():
            strides[2 * t - 2], strides[2 * t - 1] = value.stride(0), value.stride(1)
        gates = len(self.kernel.cell.gates) * self.states["h"].shape[-1]
        bias_grads = self.products.new_empty(members, math.ceil(batch / self._chunk()), gates)
        norms, totals = ({}, {}) if keep is None else (keep.norms, keep.totals)
        parts = [
            pointer
            for part, state in self.states.items()
            for pointer in (_pointer(state), _pointer(norms.get(part)), _pointer(totals.get(part)))
        ]
        self.kernel.library.backward(*self.common(weights), addresses, strides, _pointer(bias_grads), *parts)
        if grad is not None:
            torch.bmm(self.inputs.reshape(members, steps * batch, features).mT, self.products, out=grad.input)
            if grad.recurrent is not None:
                delta = self.products if self.recurrents is None else self.recurrents
                h = self.states["h"][:, :steps].reshape(members, steps * batch, -1)
                torch.bmm(h.mT, delta, out=grad.recurrent)
            if grad.bias is not None:
                torch.sum(bias_grads, dim=1, out=grad.bias)
        if not need_input_grad:
            return None
        return (self.products @ weights.input.mT).view(members, steps, batch, -1)

    def common(self, weights: LayerWeights) -> list[object]:
        """The arguments that both directions share."""
        members, steps, batch, _ = self.inputs.shape
        sizes = [members, steps, batch, self.states["h"].shape[-1], self._chunk(), torch.get_num_threads()]
        stride = weights.input.stride(0)
        return [
            *map(ctypes.c_int, sizes), self.kernel.gemm, ctypes.c_long(stride), _pointer(weights.recurrent),
            _pointer(weights.bias), _pointer(self.products), _pointer(self.recurrents),
        ]  # fmt: skip

    def _chunk(self) -> int:
        """Samples per item: enough items to keep all threads busy, none too thin."""
        members, _, batch, _ = self.inputs.shape
        wanted = math.ceil(ITEMS_PER_THREAD * torch.get_num_threads() / members)
        return math.ceil(batch / max(1, min(batch // MIN_CHUNK, wanted)))


def kernel(cell: Cell, dtype: torch.dtype, device: torch.device) -> Kernel | None:
    """The kernel of a cell, compiled and loaded; None where that is not possible here."""
    if device.type != "cpu" or dtype not in REALS:
        return None
    return _kernel(cell, dtype)


@cache
def _kernel(cell: Cell, dtype: torch.dtype) -> Kernel | None:
    try:
        gemm = _blas(GEMMS[dtype])
        library = ctypes.CDLL(str(_compiled(source(cell, dtype))))
    except (Untraceable, OSError, AttributeError, subprocess.SubprocessError) as error:
        log.info("cell %s runs without a compiled kernel: %s", cell.name, error)
        return None
    library.forward.restype = library.backward.restype = None
    return Kernel(cell, library, gemm)


def source(cell: Cell, dtype: torch.dtype) -> str:
    """The C code of a cell's scan.

    Raises:
        Untraceable: the cell's step is no formula of the supported operations.
    """
    found = formulas(cell)
    degree = TAYLOR_DEGREE[dtype]
    width = cell.recurrent_blocks().stop - cell.recurrent_blocks().start
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("scan.c.j2").render(
        real=REALS[dtype],
        coefficients=[repr(1 / math.factorial(power)) for power in range(degree, -1, -1)],
        gates=len(cell.gates),
        input=cell.input_blocks().stop,
        recurrent=width,
        shared=cell.input_blocks().stop == width == len(cell.gates),
        bias=cell.bias,
        parts=cell.parts,
        forward_lines=c_statements({f"{part}_new[j]": value for part, value in found.new.items()}),
        backward_lines=c_statements(
            {
                **{f"{part}_total[j]": value for part, value in found.total.items()},
                **{f"const real delta{gate}": value for gate, value in enumerate(found.delta)},
                **{f"{part}_grad[j]": value for part, value in found.direct.items()},
            }
        ),
    )


def _compiled(code: str) -> Path:
    """The shared library of some C code, from the cache or newly compiled."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise OSError("no C compiler")
    key = hashlib.sha256("\0".join([code, compiler, *FLAGS, _processor()]).encode()).hexdigest()[:24]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rnn-gradient-harness"
    path = folder / f"{key}.so"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            made = Path(scratch) / "scan.so"
            (Path(scratch) / "scan.c").write_text(code)
            command = [compiler, *FLAGS, str(Path(scratch) / "scan.c"), "-o", str(made), "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)
            if done.returncode:
                raise OSError(f"{compiler} refuses the kernel: {done.stderr.strip().splitlines()[:1]}")
            made.replace(path)
    return path


def _processor() -> str:
    """What ``-march=native`` depends on: a cache may be shared between machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())
    except OSError:
        return platform.platform() + platform.processor()


@cache
def _blas(name: str) -> ctypes.c_void_p:
    """The address of a matrix product in the BLAS that torch carries."""
    folder = Path(torch.__file__).parent / "lib"
    for path in [*folder.glob("libtorch_cpu.*"), *folder.glob("libopenblas*")]:
        try:
            return ctypes.cast(getattr(ctypes.CDLL(str(path)), name), ctypes.c_void_p)
        except (AttributeError, OSError):
            continue
    raise OSError(f"torch's BLAS has no {name}")


def _pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())
