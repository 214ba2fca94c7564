"""The C code of a cell's scan, and the arguments of a call of it.

The arguments are listed here once: `ARGUMENTS` becomes the struct in the C code and its image in ctypes.
"""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
import torch

from harness.cells.base import PointwiseCell
from harness.engine.scan.symbolic import c_statements, formulas, gate_values

REALS = {torch.float32: "float", torch.float64: "double"}
TAYLOR_DEGREE = {torch.float32: 7, torch.float64: 13}

CHUNK = 16
"""Samples that are carried through all steps together; never a question of how many members or threads there are."""

BLOCK = 8
"""Steps whose deltas go into the weights' gradients together."""


@dataclass(frozen=True)
class Argument:
    """A field of the struct that a kernel is called with.

    Attributes:
        c_type: everything but ``long`` is an address.
        count: the length of an array, ``parts`` where it has one entry for each part of the state; 0: no array.
    """

    c_type: str
    name: str
    count: int | str = 0

    def length(self, parts: int) -> int:
        """The length of an array for a state of that many parts."""
        return parts if self.count == "parts" else int(self.count)

    def in_c(self, parts: int) -> str:
        """Its declaration."""
        return f"{self.c_type} {self.name}" + (f"[{self.length(parts)}]" if self.count else "")

    def in_ctypes(self, parts: int) -> tuple[str, type]:
        """Its image."""
        single = ctypes.c_long if self.c_type == "long" else ctypes.c_void_p
        return self.name, single * self.length(parts) if self.count else single


ARGUMENTS = (
    *(Argument("long", name) for name in ("K", "T", "B", "H", "F", "threads")),
    *(Argument("long", name) for name in ("stride", "grad_stride", "x_stride", "keep_stride")),
    Argument("long", "outside_strides", 3),
    Argument("parallel_t*", "parallel"),
    *(Argument("const real*", name) for name in ("w_in", "w_rec", "bias")),
    Argument("const real*", "x"),
    Argument("const int64_t*", "tokens"),
    Argument("real*", "act"),
    *(Argument("real*", name, "parts") for name in ("state", "carry", "total")),
    Argument("double*", "norm", "parts"),
    Argument("const real*", "outside"),
    Argument("const long*", "outside_at"),
    *(Argument("real*", name) for name in ("grad_in", "grad_rec", "grad_bias", "grad_x", "partial", "work")),
)


@cache
def call_type(parts: int) -> type[ctypes.Structure]:
    """The arguments of a kernel for a cell of that many parts."""
    return type("Call", (ctypes.Structure,), {"_fields_": [each.in_ctypes(parts) for each in ARGUMENTS]})


@cache
def products_type() -> type[ctypes.Structure]:
    """The arguments of the kernel's products; ``products_t`` in the C code."""
    longs = [(name, ctypes.c_long) for name in ("M", "D", "N")] + [
        (name, ctypes.c_long * 3) for name in ("a_strides", "b_strides")
    ]
    fields = [*longs, *((name, ctypes.c_void_p) for name in ("a", "b", "c", "work"))]
    return type("Products", (ctypes.Structure,), {"_fields_": fields})


def source(cell: PointwiseCell, dtype: torch.dtype) -> str:
    """The C code of a cell's scan.

    Raises:
        Untraceable: the cell's step is no formula of the supported operations.
    """
    found = formulas(cell)
    stored = {node: f"act[{gate} * H + j]" for gate, node in gate_values(found).items()}
    width = cell.recurrent_blocks().stop - cell.recurrent_blocks().start
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("scan.c.j2").render(
        real=REALS[dtype],
        coefficients=[repr(1 / math.factorial(power)) for power in range(TAYLOR_DEGREE[dtype], -1, -1)],
        arguments=[each.in_c(len(cell.parts)) for each in ARGUMENTS],
        gates=len(cell.gates),
        input=cell.input_blocks().stop,
        recurrent=width,
        chunk=CHUNK,
        block=BLOCK,
        h=cell.parts.index("h"),
        bias=cell.bias,
        parts=cell.parts,
        forward_lines=c_statements(
            {
                **{f"{part}_new[j]": value for part, value in found.new.items()},
                **{place: node for node, place in stored.items()},
            }
        ),
        backward_lines=c_statements(
            {
                **{f"{part}_total[j]": value for part, value in found.total.items()},
                **{f"const real delta{gate}": value for gate, value in enumerate(found.delta)},
                **{f"{part}_grad[j]": value for part, value in found.direct.items()},
            },
            stored,
        ),
    )
