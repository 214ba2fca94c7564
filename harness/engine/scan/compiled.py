"""The scan as a compiled kernel: made on the fly from a cell's programs, for CPUs with a C compiler.

The kernel does what `stepwise` does, in one call: products whose right factors were laid out once for all steps, and
loops over the units that the compiler vectorises. Where there is no compiler, `kernel` returns None and warns, and
everything works as before.
"""

from __future__ import annotations

import ctypes
import logging
import math
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.cells.base import State, Weights
from harness.engine.scan.calling import call_type, products_type, sizes_as_c
from harness.engine.scan.compiler import CannotCompile, load, warn_once
from harness.engine.scan.interface import BackwardPass, Buffers, is_tokens, one_hot, places_of, states_buffers
from harness.engine.scan.plan import Plan
from harness.engine.scan.source import CHUNK, REALS, Source, products_source
from harness.engine.threads import kernel_threads

log = logging.getLogger(__name__)


def kernel(plan: Plan, dtype: torch.dtype, device: torch.device) -> Kernel | None:
    """The kernel of a cell's step, compiled and loaded; None where that is not possible here."""
    if device.type != "cpu" or dtype not in REALS:
        return None
    return _kernel(plan, dtype)


@lru_cache(maxsize=256)
def _kernel(plan: Plan, dtype: torch.dtype) -> Kernel | None:
    try:
        written = Source.of(plan, dtype)
        return Kernel(plan, written, dtype, load(written.code), products_of(dtype))
    except CannotCompile as problem:
        warn_once(
            f"no compiled kernels, training is several times slower ({problem}); "
            "pip install 'rnn-gradient-harness[compiler]' brings a compiler"
        )
    return None


@cache
def products_of(dtype: torch.dtype) -> ctypes.CDLL:
    """The library that all kernels of a precision share.

    Raises:
        CannotCompile: there is no compiler here.
    """
    library = load(products_source(dtype))
    library.products.argtypes = [ctypes.POINTER(products_type()), ctypes.c_long, ctypes.c_void_p, ctypes.c_long]
    library.products.restype = None
    return library


@cache
def _parallel() -> int:
    """The address of the function that shares work among threads, the same for all kernels."""
    pool = load((Path(__file__).parent / "pool.c").read_text())
    address = ctypes.cast(pool.parallel, ctypes.c_void_p).value
    assert address is not None
    return address


class Kernel:
    """A compiled scan of one layer in one precision.

    Args:
        source: what the library was made from, with the tables that belong to it.
        products: see `products_of`.
    """

    def __init__(self, plan: Plan, source: Source, dtype: torch.dtype, library: ctypes.CDLL, products: ctypes.CDLL):
        self.plan = plan
        self.library = library
        self.products = products
        self.sizes = sizes_as_c(source.sizes)
        self.constants = torch.tensor(source.constants, dtype=dtype)
        self.panel = ctypes.c_int.in_dll(products, "panel_width").value
        self.functions = ctypes.addressof(ctypes.c_char.in_dll(products, "functions"))
        self.call_type = call_type(len(plan.widths), len(plan.shapes))
        call = ctypes.POINTER(self.call_type)
        signatures: dict[str, Any] = {"forward": None, "backward": None, "work_size": ctypes.c_long}
        for name, result in {**signatures, "partial_size": ctypes.c_long}.items():
            function = getattr(library, name)
            function.argtypes, function.restype = [call], result

    def forward(
        self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers, lengths: Tensor | None = None
    ) -> CompiledTrace:
        """See `harness.engine.scan.interface.Scanner.forward`."""
        plan, (members, steps, batch) = self.plan, inputs.shape[:3]
        if is_tokens(inputs) and not plan.takes_tokens:
            inputs = one_hot(inputs, plan.input_size, next(iter(start.values())).dtype)
        if not inputs[0].is_contiguous():
            inputs = inputs.contiguous()
        lengths = None if lengths is None else lengths.contiguous()
        states = states_buffers(plan.widths, inputs, start, buffers)
        act = buffers("act", (members, steps, batch, plan.act))
        seen = buffers("output", (members, steps, batch, plan.output_size)) if plan.output_part is None else None
        call = self.call_type()
        call.K, call.T, call.B, call.x_stride = members, steps, batch, inputs.stride(0)
        call.threads, call.parallel, call.functions = kernel_threads(), _parallel(), self.functions
        call.n, call.r = ctypes.addressof(self.sizes), _address(self.constants)
        for place, name in enumerate(plan.shapes):
            call.w[place], call.w_stride[place] = _address(weights[name]), weights[name].stride(0)
        call.act, call.seen, call.lengths = _address(act), _address(seen), _address(lengths)
        if is_tokens(inputs):
            call.tokens = _address(inputs)
        else:
            call.x = _address(inputs)
        for place, values in enumerate(states.values()):
            call.state[place] = values.data_ptr()
        call.work = _address(buffers("work", (call.threads, self.library.work_size(call))))
        self.library.forward(call)
        return CompiledTrace(self, call, inputs, lengths, act, states, seen, buffers)

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """See `harness.engine.scan.interface.Scanner.product`; rounds the same alone and packed, unlike torch's."""
        (members, rows, depth), columns, threads = a.shape, b.shape[-1], kernel_threads()
        made = a.new_empty(members, rows, columns)
        work = a.new_empty(threads, math.ceil(columns / self.panel) * self.panel * depth)
        call = products_type()(rows, depth, columns, a.stride(), b.stride(), *map(_address, (a, b, made, work)))
        self.products.products(call, members, _parallel(), threads)
        return made


@dataclass(frozen=True)
class CompiledTrace:
    """What a compiled forward scan leaves for the backward scan.

    Attributes:
        call: the arguments of the forward scan.
        inputs: x, (K, T, B, F), or tokens (K, T, B); kept here because ``call`` has no more than its address.
        lengths: where each sample ends, likewise.
        act: what the kernel stores for the backward scan, as many numbers as (K, T, B, ·), in an order of its own.
        states: for each part (K, T + 1, B, width): s_0, s_1, …, s_T.
        seen: what the next layer sees, where that is no part of the state.
    """

    kernel: Kernel
    call: Any
    inputs: Tensor
    lengths: Tensor | None
    act: Tensor
    states: State
    seen: Tensor | None
    buffers: Buffers

    @property
    def outputs(self) -> Tensor:
        """See `harness.engine.scan.interface.Trace.outputs`."""
        part = self.kernel.plan.output_part
        if part is not None:
            return self.states[part][:, 1:]
        assert self.seen is not None
        return self.seen

    def backward(self, given: BackwardPass) -> Tensor | None:
        """See `harness.engine.scan.interface.Trace.backward`."""
        call, plan, above = self.call, self.kernel.plan, given.above
        values = above.values if above.values.stride(-1) == 1 else above.values.contiguous()
        at = _places(tuple(above.steps), call.T)
        size = (*self.inputs.shape[:3], plan.input_size)
        grad_x = self.act.new_empty(size) if given.need_input_grad else None
        call.outside, call.outside_at = _address(values), ctypes.addressof(at)
        call.outside_strides = values.stride()[:3]
        norms, totals = ({}, {}) if given.keep is None else (given.keep.norms, given.keep.totals)
        for place, part in enumerate(self.states):
            call.carry[place] = given.carry[part].data_ptr()
            call.norm[place], call.total[place] = _address(norms.get(part)), _address(totals.get(part))
        if norms:
            call.keep_stride = next(iter(norms.values())).stride(0)
        for place, name in enumerate(plan.shapes):
            call.g[place], call.g_stride[place] = _address(given.grad[name]), given.grad[name].stride(0)
        call.grad_x = _address(grad_x)
        items = call.K * math.ceil(call.B / CHUNK)
        call.partial = _address(self.buffers("partial", (items, self.kernel.library.partial_size(call))))
        self.kernel.library.backward(call)
        return grad_x


@lru_cache(maxsize=64)
def _places(scored: tuple[int, ...], steps: int) -> Any:
    """`places_of` as an array for C."""
    return (ctypes.c_long * steps)(*places_of(scored, steps))


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
