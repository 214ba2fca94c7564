"""What a kernel is called with, listed once: it becomes the struct in the C code and its image in ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Argument:
    """A field of the struct that a kernel is called with.

    Attributes:
        c_type: everything but ``long`` is an address.
        count: the length of an array; 0: no array.
    """

    c_type: str
    name: str
    count: int = 0

    def in_c(self) -> str:
        """Its declaration."""
        return f"{self.c_type} {self.name}" + (f"[{self.count}]" if self.count else "")

    def in_ctypes(self) -> tuple[str, type]:
        """Its image."""
        single = ctypes.c_long if self.c_type == "long" else ctypes.c_void_p
        return self.name, single * self.count if self.count else single


def arguments(parts: int, weights: int) -> tuple[Argument, ...]:
    """What the kernel of a cell of so many parts and weights is called with."""
    return (
        *(Argument("long", name) for name in ("K", "T", "B", "threads", "x_stride", "keep_stride")),
        Argument("long", "outside_strides", 3),
        Argument("const long*", "n"),
        Argument("const real*", "r"),
        Argument("parallel_t*", "parallel"),
        Argument("const functions_t*", "functions"),
        Argument("const real*", "w", weights),
        Argument("long", "w_stride", weights),
        Argument("real*", "g", weights),
        Argument("long", "g_stride", weights),
        Argument("const real*", "x"),
        Argument("const int64_t*", "tokens"),
        Argument("const int64_t*", "lengths"),
        *(Argument("real*", name) for name in ("act", "seen")),
        *(Argument("real*", name, parts) for name in ("state", "carry", "total")),
        Argument("double*", "norm", parts),
        Argument("const real*", "outside"),
        Argument("const long*", "outside_at"),
        *(Argument("real*", name) for name in ("grad_x", "partial", "work")),
    )


@cache
def call_type(parts: int, weights: int) -> type[ctypes.Structure]:
    """The arguments of a kernel for a cell of so many parts and weights."""
    return type("Call", (ctypes.Structure,), {"_fields_": [each.in_ctypes() for each in arguments(parts, weights)]})


@cache
def products_type() -> type[ctypes.Structure]:
    """The arguments of products alone; ``products_t`` in the C code."""
    longs = [(name, ctypes.c_long) for name in ("M", "D", "N")] + [
        (name, ctypes.c_long * 3) for name in ("a_strides", "b_strides")
    ]
    fields = [*longs, *((name, ctypes.c_void_p) for name in ("a", "b", "c", "work"))]
    return type("Products", (ctypes.Structure,), {"_fields_": fields})


def sizes_as_c(sizes: Sequence[int]) -> ctypes.Array[ctypes.c_long]:
    """A table of sizes."""
    return (ctypes.c_long * len(sizes))(*sizes)
