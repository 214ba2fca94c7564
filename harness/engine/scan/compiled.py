"""The scan as a compiled kernel: made on the fly from a cell's `step`, for CPUs with a C compiler.

The kernel does what `stepwise` does, in one call: products whose right factors were laid out once for all steps, the
pointwise step and its derivative as one loop that the compiler vectorises. Where anything is missing (a compiler, a
step that is a formula), `kernel` returns None and warns, and everything works as before.
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

from harness.cells.base import PointwiseCell, State, Weights
from harness.engine.scan.compiler import CannotCompile, load, warn_once
from harness.engine.scan.interface import BackwardPass, Buffers, is_tokens, states_buffers
from harness.engine.scan.source import CHUNK, REALS, call_type, products_type, source
from harness.engine.scan.symbolic import Untraceable
from harness.engine.threads import kernel_threads

log = logging.getLogger(__name__)


def kernel(cell: PointwiseCell, dtype: torch.dtype, device: torch.device) -> Kernel | None:
    """The kernel of a cell, compiled and loaded; None where that is not possible here."""
    if device.type != "cpu" or dtype not in REALS:
        return None
    return _kernel(cell, dtype)


@cache
def _kernel(cell: PointwiseCell, dtype: torch.dtype) -> Kernel | None:
    try:
        return Kernel(cell, load(source(cell, dtype)), _parallel())
    except Untraceable as problem:
        warn_once(f"cell {cell.name} runs without a compiled kernel, several times slower: {problem}")
    except CannotCompile as problem:
        warn_once(
            f"no compiled kernels, training is several times slower ({problem}); "
            "pip install 'rnn-gradient-harness[compiler]' brings a compiler"
        )
    return None


@cache
def _parallel() -> int:
    """The address of the function that shares work among threads, the same for all kernels."""
    pool = load((Path(__file__).parent / "pool.c").read_text())
    address = ctypes.cast(pool.parallel, ctypes.c_void_p).value
    assert address is not None
    return address


class Kernel:
    """A compiled scan of one cell in one precision.

    Args:
        library: made from `source`.
        parallel: the address of `parallel` in ``pool.c``.
    """

    def __init__(self, cell: PointwiseCell, library: ctypes.CDLL, parallel: int):
        self.cell = cell
        self.parallel = parallel
        self.library = library
        call, size = ctypes.POINTER(call_type(len(cell.parts))), ctypes.c_long
        signatures: dict[str, tuple[list[Any], Any]] = {
            "forward": ([call], None),
            "backward": ([call], None),
            "products": ([ctypes.POINTER(products_type()), size, ctypes.c_void_p, size], None),
            "work_size": ([call], size),
            "partial_size": ([call], size),
            "packed_size": ([size, size], size),
        }
        for name, (arguments, result) in signatures.items():
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, result

    def forward(self, weights: Weights, inputs: Tensor, start: State, buffers: Buffers) -> CompiledTrace:
        """See `harness.engine.scan.interface.Scanner.forward`."""
        members, steps, batch = inputs.shape[:3]
        if not inputs[0].is_contiguous():
            inputs = inputs.contiguous()
        hidden_size = start["h"].shape[-1]
        states = states_buffers(self.cell, inputs, start, buffers)
        act = buffers("act", (members, steps, batch, len(self.cell.gates) * hidden_size))
        call = call_type(len(states))()
        call.K, call.T, call.B, call.H, call.F = members, steps, batch, hidden_size, weights["input"].shape[1]
        call.threads, call.parallel = kernel_threads(), self.parallel
        call.stride, call.x_stride = weights["input"].stride(0), inputs.stride(0)
        call.w_in, call.w_rec = _address(weights["input"]), _address(weights.get("recurrent"))
        call.bias, call.act = _address(weights.get("bias")), _address(act)
        if is_tokens(inputs):
            call.tokens = _address(inputs)
        else:
            call.x = _address(inputs)
        for place, values in enumerate(states.values()):
            call.state[place] = values.data_ptr()
        call.work = _address(buffers("work", (call.threads, self.library.work_size(call))))
        self.library.forward(call)
        return CompiledTrace(self, call, inputs, act, states, buffers)

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """See `harness.engine.scan.interface.Scanner.product`; rounds the same alone and packed, unlike torch's."""
        (members, rows, depth), columns, threads = a.shape, b.shape[-1], kernel_threads()
        made = a.new_empty(members, rows, columns)
        work = a.new_empty(threads, self.library.packed_size(depth, columns))
        call = products_type()(rows, depth, columns, a.stride(), b.stride(), *map(_address, (a, b, made, work)))
        self.library.products(call, members, self.parallel, threads)
        return made


@dataclass(frozen=True)
class CompiledTrace:
    """What a compiled forward scan leaves for the backward scan.

    Attributes:
        call: the arguments of the forward scan.
        inputs: x, (K, T, B, F), or tokens (K, T, B); kept here because ``call`` has no more than its address.
        act: what the kernel keeps of every gate, as many numbers as (K, T, B, G · H), in an order of its own.
        states: for each part (K, T + 1, B, H): s_0, s_1, …, s_T.
    """

    kernel: Kernel
    call: Any
    inputs: Tensor
    act: Tensor
    states: State
    buffers: Buffers

    def backward(self, given: BackwardPass) -> Tensor | None:
        """See `harness.engine.scan.interface.Trace.backward`."""
        call, above, grad = self.call, given.above, given.grad
        values = above.values if above.values.stride(-1) == 1 else above.values.contiguous()
        at = _places(tuple(above.steps), call.T)
        size = (*self.inputs.shape[:3], call.F)
        grad_x = self.act.new_empty(size) if given.need_input_grad else None
        call.outside, call.outside_at = _address(values), ctypes.addressof(at)
        call.outside_strides = values.stride()[:3]
        norms, totals = ({}, {}) if given.keep is None else (given.keep.norms, given.keep.totals)
        for place, part in enumerate(self.states):
            call.carry[place] = given.carry[part].data_ptr()
            call.norm[place], call.total[place] = _address(norms.get(part)), _address(totals.get(part))
        if norms:
            call.keep_stride = norms["h"].stride(0)
        call.grad_stride = grad["input"].stride(0)
        call.grad_in, call.grad_rec = _address(grad["input"]), _address(grad.get("recurrent"))
        call.grad_bias, call.grad_x = _address(grad.get("bias")), _address(grad_x)
        items = call.K * math.ceil(call.B / CHUNK)
        call.partial = _address(self.buffers("partial", (items, self.kernel.library.partial_size(call))))
        self.kernel.library.backward(call)
        return grad_x


@lru_cache(maxsize=64)
def _places(scored: tuple[int, ...], steps: int) -> Any:
    """For each step the place among those that are scored, or -1; an array for C."""
    places = [-1] * steps
    for place, step in enumerate(scored):
        places[step - 1] = place
    return (ctypes.c_long * steps)(*places)


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
