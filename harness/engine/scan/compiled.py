"""The scan as a compiled kernel: made on the fly from a cell's `step`, for CPUs with a C compiler.

The kernel does what `stepwise` does, in one call: products whose right factors were laid out once for all steps, the
pointwise step and its derivative as one loop that the compiler vectorises. Where anything is missing (a compiler, a
step that is a formula), `kernel` returns None and logs why, and everything works as before.
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
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import torch
from torch import Tensor

from harness.cells.base import PointwiseCell, State, Weights
from harness.engine.scan.interface import Buffers, Outside, StepGradients, is_tokens, states_buffers
from harness.engine.scan.symbolic import Untraceable, c_statements, formulas

log = logging.getLogger(__name__)

REALS = {torch.float32: "float", torch.float64: "double"}
TAYLOR_DEGREE = {torch.float32: 7, torch.float64: 13}
FLAGS = ["-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", "-std=gnu11"]
COMPILE_SECONDS = 60
CHUNK = 16
"""Samples that are carried through all steps together; never a question of how many members or threads there are."""

BLOCK = 8
"""Steps whose deltas go into the weights' gradients together."""


@cache
def call_type(parts: int) -> type[ctypes.Structure]:
    """The arguments of a kernel for a cell of that many parts; mirrors ``call_t`` in ``scan.c.j2``."""
    many = ctypes.c_void_p * parts
    pointers = ctypes.c_void_p
    fields = [
        *((name, ctypes.c_long) for name in ("K", "T", "B", "H", "F", "threads", "stride", "grad_stride", "x_stride")),
        ("outside_strides", ctypes.c_long * 3), ("keep_stride", ctypes.c_long),
        *((name, pointers) for name in ("w_in", "w_rec", "bias", "x", "tokens", "act")),
        ("state", many), ("carry", many), ("total", many), ("norm", many),
        *((name, pointers) for name in ("outside", "outside_at", "grad_in", "grad_rec", "grad_bias", "grad_x")),
        ("partial", pointers), ("work", pointers), ("work_size", ctypes.c_long),
    ]  # fmt: skip
    return type("Call", (ctypes.Structure,), {"_fields_": fields})


@dataclass(frozen=True)
class Kernel:
    """A compiled scan of one cell in one precision."""

    cell: PointwiseCell
    library: ctypes.CDLL
    panel: int
    """Columns that the kernel multiplies at once."""

    def forward(self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers) -> CompiledTrace:
        """See `harness.engine.scan.interface.Scanner.forward`."""
        members, steps, batch = inputs.shape[:3]
        if not inputs[0].is_contiguous():
            inputs = inputs.contiguous()
        hidden_size = start["h"].shape[-1]
        trace = CompiledTrace(
            self,
            inputs,
            buffers("act", (members, steps, batch, len(self.cell.gates) * hidden_size)),
            states_buffers(self.cell, inputs, start, buffers),
            buffers,
        )
        self.library.forward(ctypes.byref(trace.call(weights)))
        return trace

    def affine(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """See `Scanner.affine`; by our own products, which round the same alone and packed."""
        made: Tensor = _Affine.apply(self, x, weight, bias)  # type: ignore[no-untyped-call]
        return made

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """a · b of every member: (K, M, N) from (K, M, D) and (K, D, N) of any strides."""
        (members, rows, depth), columns, threads = a.shape, b.shape[-1], torch.get_num_threads()
        made = a.new_empty(members, rows, columns)
        size = depth * _up(columns, self.panel)
        work = a.new_empty(threads * size)
        strides = [(ctypes.c_long * 3)(*each.stride()) for each in (a, b)]
        self.library.products(
            *map(ctypes.c_long, (members, rows, depth, columns, threads)), _pointer(a), strides[0], _pointer(b),
            strides[1], _pointer(made), _pointer(work), ctypes.c_long(size),
        )  # fmt: skip
        return made


class _Affine(torch.autograd.Function):
    """x · W + b, with its derivative."""

    @staticmethod
    def forward(ctx: Any, kernel: Kernel, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.kernel = kernel
        ctx.save_for_backward(x, weight)
        return kernel.product(x, weight).add_(bias[:, None])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        product, ones = ctx.kernel.product, grad.new_ones(1, 1, 1).expand(len(x), 1, x.shape[1])
        return None, product(grad, weight.mT), product(x.mT, grad), product(ones, grad)[:, 0]


@dataclass(frozen=True)
class CompiledTrace:
    """What a compiled forward scan leaves for the backward scan.

    Attributes:
        inputs: x, (K, T, B, F), or tokens (K, T, B).
        act: the products of every gate, as many numbers as (K, T, B, G · H), in the order of the kernel.
        states: for each part (K, T + 1, B, H): s_0, s_1, …, s_T.
    """

    kernel: Kernel
    inputs: Tensor
    act: Tensor
    states: State
    buffers: Buffers

    def backward(
        self,
        weights: Weights,
        outside: Outside,
        carry: State,
        grad: Weights,
        keep: StepGradients | None = None,
        need_input_grad: bool = True,
    ) -> Tensor | None:
        """See `harness.engine.scan.interface.Trace.backward`."""
        steps = self.inputs.shape[1]
        values = outside.values if outside.values.stride(-1) == 1 else outside.values.contiguous()
        at = (ctypes.c_long * steps)(*[-1] * steps)
        for place, step in enumerate(outside.steps):
            at[step - 1] = place
        size = (*self.inputs.shape[:3], weights["input"].shape[1])
        grad_x = self.act.new_empty(size) if need_input_grad else None
        norms, totals = ({}, {}) if keep is None else (keep.norms, keep.totals)
        call = self.call(weights)
        call.outside, call.outside_at = _pointer(values), ctypes.cast(at, ctypes.c_void_p)
        call.outside_strides[:] = values.stride()[:3]
        for place, part in enumerate(self.states):
            call.carry[place] = carry[part].data_ptr()
            call.norm[place], call.total[place] = _address(norms.get(part)), _address(totals.get(part))
        if norms:
            call.keep_stride = norms["h"].stride(0)
        call.grad_stride = grad["input"].stride(0)
        call.grad_in, call.grad_rec = _pointer(grad["input"]), _pointer(grad.get("recurrent"))
        call.grad_bias, call.grad_x = _pointer(grad.get("bias")), _pointer(grad_x)
        call.partial = _pointer(self._partial_gradients(call.F))
        self.kernel.library.backward(ctypes.byref(call))
        return grad_x

    def call(self, weights: Weights) -> ctypes.Structure:
        """The arguments that both directions share."""
        members, steps, batch = self.inputs.shape[:3]
        hidden_size, threads = self.states["h"].shape[-1], torch.get_num_threads()
        call = call_type(len(self.states))()
        call.K, call.T, call.B, call.H, call.F = members, steps, batch, hidden_size, weights["input"].shape[1]
        call.threads, call.stride, call.x_stride = threads, weights["input"].stride(0), self.inputs.stride(0)
        call.w_in, call.w_rec = _pointer(weights["input"]), _pointer(weights.get("recurrent"))
        call.bias, call.act = _pointer(weights.get("bias")), _pointer(self.act)
        if is_tokens(self.inputs):
            call.tokens = _pointer(self.inputs)
        else:
            call.x = _pointer(self.inputs)
        for place, values in enumerate(self.states.values()):
            call.state[place] = values.data_ptr()
        call.work_size = self._work_size(call.F)
        call.work = _pointer(self.buffers("work", (threads, call.work_size)))
        return call

    def _work_size(self, features: int) -> int:
        """Room that a thread needs: its weights in panels; deltas of a few steps, a total of every part."""
        hidden_size = self.states["h"].shape[-1]
        cell, panel = self.kernel.cell, self.kernel.panel
        blocks = cell.recurrent_blocks()
        wide_in, wide_rec = cell.input_blocks().stop * hidden_size, (blocks.stop - blocks.start) * hidden_size
        forward = features * _up(wide_in, panel) + hidden_size * _up(wide_rec, panel)
        backward = wide_in * _up(features, panel) + wide_rec * _up(hidden_size, panel)
        deltas = BLOCK * CHUNK * len(cell.gates) * hidden_size + panel
        return max(forward, backward + deltas + len(self.states) * hidden_size)

    def _partial_gradients(self, features: int) -> Tensor:
        """Room for the weights' gradients of every item."""
        members, _, batch = self.inputs.shape[:3]
        hidden_size = self.states["h"].shape[-1]
        cell, blocks = self.kernel.cell, self.kernel.cell.recurrent_blocks()
        columns = features * cell.input_blocks().stop + hidden_size * (blocks.stop - blocks.start) + len(cell.gates)
        return self.buffers("partial", (members * math.ceil(batch / CHUNK), columns * hidden_size))


def _up(number: int, step: int) -> int:
    return math.ceil(number / step) * step


def kernel(cell: PointwiseCell, dtype: torch.dtype, device: torch.device) -> Kernel | None:
    """The kernel of a cell, compiled and loaded; None where that is not possible here."""
    if device.type != "cpu" or dtype not in REALS:
        return None
    return _kernel(cell, dtype)


@cache
def _kernel(cell: PointwiseCell, dtype: torch.dtype) -> Kernel | None:
    try:
        library = ctypes.CDLL(str(_compiled(source(cell, dtype))))
    except (Untraceable, OSError, subprocess.SubprocessError) as error:
        log.info("cell %s runs without a compiled kernel: %s", cell.name, error)
        return None
    library.forward.restype = library.backward.restype = library.products.restype = None
    return Kernel(cell, library, ctypes.c_int.in_dll(library, "panel_width").value)


def source(cell: PointwiseCell, dtype: torch.dtype) -> str:
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
        chunk=CHUNK,
        block=BLOCK,
        h=cell.parts.index("h"),
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


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(_address(tensor))
