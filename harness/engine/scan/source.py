"""The C code of a cell's scan.

Sizes and constants stand in tables that a call hands over, so that cells of the same form share one library whatever
their sizes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jinja2
import torch

from harness.engine.scan.calling import arguments
from harness.engine.scan.derivative import OUTPUT
from harness.engine.scan.nodes import BINARY, CONDITIONS, Block, Node
from harness.engine.scan.plan import MatrixGradient, Plan
from harness.engine.scan.schedule import Across, Loop, Pass, Place, Product, Program

REALS = {torch.float32: "float", torch.float64: "double"}
LOG_COEFFICIENTS = {
    torch.float32: (0.24279078841, 0.28498786688, 0.40000972152, 0.66666662693),
    torch.float64: (
        0.1479819860511658591, 0.1531383769920937332, 0.1818357216161805012, 0.2222219843214978396,
        0.2857142874366239149, 0.3999999999940941908, 0.6666666666666735130,
    ),
}  # fmt: skip
"""Of FreeBSD's libm: ln((1 + s) / (1 - s)) = 2 s + s³ p(s²), the highest power first."""

TAYLOR_DEGREE = {torch.float32: 7, torch.float64: 13}

CHUNK = 16
"""Samples that are carried through all steps together; never a question of how many members or threads there are."""

BLOCK = 8
"""Steps whose deltas go into the weights' gradients together."""

LITERALS = {number: f"(real){number:g}" for number in (0.0, 1.0, -1.0, 0.5, 2.0)}
"""Constants that are written into the code, never as whole numbers, whose quotients C cuts; others are handed over."""

SHARED = {"weight", "vector", "own"}
"""Buffers of one row for all samples."""


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), trim_blocks=True, lstrip_blocks=True
    )


@cache
def products_source(dtype: torch.dtype) -> str:
    """The C code of what all kernels of a precision share."""
    return _templates().get_template("products.c.j2").render(real=REALS[dtype], chunk=CHUNK, block=BLOCK)


@dataclass
class Source:
    """The C code of a cell's scan, while it is written.

    Attributes:
        code: the finished code.
        sizes, constants: the tables ``n`` and ``r`` that a call of it hands over.
    """

    plan: Plan
    sizes: list[int] = field(default_factory=list)
    constants: list[float] = field(default_factory=list)
    code: str = ""

    @classmethod
    def of(cls, plan: Plan, dtype: torch.dtype) -> Source:
        """Write it."""
        made = cls(plan)
        made.code = made._render(dtype)
        return made

    def _render(self, dtype: torch.dtype) -> str:
        plan = self.plan
        offsets, end = [], 0
        for shape in plan.shapes.values():
            offsets.append(self._n(end))
            end += math.prod(shape)
        carried = [*plan.widths.values(), *([] if plan.output_part else [plan.output_size])]
        parts = list(plan.widths)
        return (
            _templates()
            .get_template("kernel.c.j2")
            .render(
                real=REALS[dtype],
                coefficients=[repr(1 / math.factorial(power)) for power in range(TAYLOR_DEGREE[dtype], -1, -1)],
                log_coefficients=[repr(value) for value in LOG_COEFFICIENTS[dtype]],
                arguments=[each.in_c() for each in arguments(len(plan.widths), len(plan.shapes))],
                chunk=CHUNK,
                block=BLOCK,
                input_size=self._n(plan.input_size),
                output_size=self._n(plan.output_size),
                widths=[self._n(width) for width in plan.widths.values()],
                weights=range(len(plan.shapes)),
                weight_sizes=[self._n(math.prod(shape)) for shape in plan.shapes.values()],
                weight_offsets=offsets,
                weights_size=self._n(end),
                act=self._n(plan.act),
                kept=self._n(plan.kept),
                scratch=self._n(max(plan.forward.scratch, plan.backward.scratch)),
                own=self._n(max(plan.forward.own, plan.backward.own)),
                carried=self._n(sum(carried)),
                carried_at=[self._n(sum(carried[:place])) for place in range(len(carried))],
                entered=len(plan.widths) if plan.output_part is None else parts.index(plan.output_part),
                seen=plan.output_part is None,
                totals=[self._at(place) for place in plan.totals.values()],
                forward=self._program(plan.forward),
                backward=self._program(plan.backward),
                matrices=[line for each in plan.matrices for line in self._matrix(each)],
            )
        )

    def _n(self, size: int) -> str:
        """A size, as an entry of the table."""
        self.sizes.append(size)
        return f"n[{len(self.sizes) - 1}]"

    def _number(self, value: float) -> str:
        if value in LITERALS:
            return LITERALS[value]
        self.constants.append(value)
        return f"r[{len(self.constants) - 1}]"

    def _buffer(self, place: Place) -> str:
        """The name of a buffer in C."""
        match place.buffer:
            case "weight" | "vector":
                return f"{place.buffer}_{list(self.plan.shapes).index(place.name)}"
            case "grad" | "carry" if place.name == OUTPUT:
                return f"{place.buffer}_{len(self.plan.widths)}"
            case "old" | "new" | "grad" | "carry":
                return f"{place.buffer}_{list(self.plan.widths).index(place.name)}"
        return place.buffer

    def _start(self, place: Place) -> str:
        """Where the first sample's vector lies."""
        return f"{self._buffer(place)}_t" + (f" + {self._n(place.offset)}" if place.offset else "")

    def _row(self, place: Place) -> str:
        """How far the samples' vectors are apart."""
        return "0" if place.buffer in SHARED else f"{self._buffer(place)}_s"

    def _at(self, place: Place) -> str:
        """Where the vector of sample b lies."""
        return self._start(place) + ("" if place.buffer in SHARED else f" + b * {self._row(place)}")

    def _factor(self, block: Block) -> tuple[str, str]:
        """Where a block of a weight matrix starts, and its strides of rows and columns."""
        place, width = list(self.plan.shapes).index(block.weight), self.plan.shapes[block.weight][1]
        start = f"weight_{place}_t + {self._n(block.row * width + block.column)}"
        stride = self._n(width)
        return start, f"1, {stride}" if block.transposed else f"{stride}, 1"

    def _program(self, program: Program) -> dict[str, object]:
        """Lines of C: the panels that products need, their size, and a step."""
        panels: list[str] = []
        sizes, lines = ["0"], []
        for phase in program.phases:
            for product in phase.products:
                start, strides = self._factor(product.block)
                depth, columns = self._n(product.block.rows), self._n(product.block.columns)
                if product.left.buffer == "x":
                    depth = f"c->tokens ? 0 : {depth}"
                if product.dest.buffer == "grad_x":
                    depth = f"c->grad_x ? {depth} : 0"
                name = f"panel{len(panels)}"
                panels.append(f"const right_t {name} = f->packed({start}, {strides}, {depth}, {columns}, &space);")
                sizes.append(f"packed_size({self._n(product.block.rows)}, {columns})")
                lines += self._product(product, name)
            if phase.passes:
                lines += ["for (long b = 0; b < rows; b++) {"]
                for each in phase.passes:
                    lines += self._pass(each, program.places)
                lines += ["}"]
        return {"panels": panels, "panels_size": " + ".join(sizes), "lines": lines}

    def _product(self, product: Product, panel: str) -> list[str]:
        columns, dest, row = self._n(product.block.columns), self._start(product.dest), self._row(product.dest)
        left = f"(left_t){{{self._start(product.left)}, {self._row(product.left)}, 0, 1}}"
        line = (
            f"f->product(rows, {columns}, 1, {self._n(product.block.rows)}, {left}, {panel}, {dest}, {row}, "
            f"{int(product.add)});"
        )
        if product.dest.buffer == "grad_x":
            return [f"if (c->grad_x) {line}"]
        if product.left.buffer != "x":
            return [line]
        start, _ = self._factor(product.block)
        width = self._n(self.plan.shapes[product.block.weight][1])
        return [
            "if (c->tokens)",
            "    for (long b = 0; b < rows; b++) {",
            f"        const real* const from = {start} + tokens_t[b] * {width};",
            f"        real* const to = {dest} + b * {row};",
            f"        for (long j = 0; j < {columns}; j++) to[j] = {'to[j] + ' if product.add else ''}from[j];",
            "    }",
            f"else {line}",
        ]

    def _pass(self, each: Pass, places: dict[Node, Place]) -> list[str]:
        lines = [f"    {self._across(made)}" for made in each.across]
        for loop in each.loops:
            lines += ["    {", *("        " + line for line in self._loop(loop, places)), "    }"]
        return lines

    def _across(self, made: Across) -> str:
        node, of, dest = made.node, self._at(made.of), self._at(made.dest)
        if node.op in ("repeat", "fold"):
            stretches = self._n(min(node.width, node.args[0].width) // node.stretch)
            return f"f->{node.op}({of}, {stretches}, {self._n(node.times)}, {self._n(node.stretch)}, {dest});"
        return f"*({dest}) = f->{node.op}({of}, {self._n(node.args[0].width)});"

    def _loop(self, loop: Loop, places: dict[Node, Place]) -> list[str]:
        writer = _LoopWriter(self, loop, places)
        if loop.width == 1:  # compilers take long over a loop
            return [*writer.addresses, "const long j = 0;", *writer.lines]
        return [*writer.addresses, "INDEPENDENT", f"for (long j = 0; j < {self._n(loop.width)}; j++) {{",
                *("    " + line for line in writer.lines), "}"]  # fmt: skip

    def _matrix(self, each: MatrixGradient) -> list[str]:
        block, width = each.block, self.plan.shapes[each.block.weight][1]
        place = list(self.plan.shapes).index(block.weight)
        dest, columns = f"vector_{place}_t + {self._n(block.row * width + block.column)}", self._n(block.columns)
        delta, row = self._start(each.delta), self._n(width)
        if block.transposed:
            return [
                f"f->product({columns}, {self._n(block.rows)}, block_end - t, rows, "
                f"(left_t){{{delta}, 1, CHUNK * kept_s, kept_s}}, "
                f"(right_t){{{self._start(each.left)}, NR, CHUNK * kept_s, kept_s}}, {dest}, {row}, 1);"
            ]
        step, sample = {
            "x": ("B * x_s", "x_s"),
            "old": (f"B * {self._buffer(each.left)}_s", f"{self._buffer(each.left)}_s"),
            "kept": ("CHUNK * kept_s", "kept_s"),
        }[each.left.buffer]
        line = (
            f"f->product({self._n(block.rows)}, {columns}, block_end - t, rows, "
            f"(left_t){{{self._start(each.left)}, 1, {step}, {sample}}}, "
            f"(right_t){{{delta}, NR, CHUNK * kept_s, kept_s}}, {dest}, {row}, 1);"
        )
        if each.left.buffer != "x":
            return [line]
        rows = f"f->add_rows(tokens_t, B, block_end - t, rows, {delta}, kept_s, {columns}, {dest}, {row});"
        return [f"if (c->tokens) {rows}", f"else {line}"]


class _LoopWriter:
    """The C code of a loop over units: addresses before it, statements within."""

    def __init__(self, source: Source, loop: Loop, places: dict[Node, Place]):
        self.source, self.loop, self.places = source, loop, places
        self.addresses: list[str] = []
        self.lines: list[str] = []
        self.names: dict[Node, str] = {}
        conditions = _only_conditions(loop)
        for node in loop.nodes:
            if node not in conditions:
                self._compute(node)
        stores = [(store, self._value(store.node)) for store in loop.stores]
        for store, value in stores:
            address = self._address(store.dest, "")
            self.lines.append(f"{address}[j] {'+=' if store.add else '='} {value};")

    def _compute(self, node: Node) -> None:
        values = [
            f"{self._value(argument.args[0])} {argument.op} {self._value(argument.args[1])}"
            if node.op == "where" and place == 0 and argument in self.loop.nodes and argument.op in CONDITIONS
            else self._value(argument)
            for place, argument in enumerate(node.args)
        ]
        if node.op in ("copy", "detach"):
            self.names[node] = values[0]
            return
        if node.op == "where":
            right = f"{values[0]} ? {values[1]} : {values[2]}"
        elif node.op in BINARY:
            right = f"{values[0]} {node.op} {values[1]}"
        else:
            right = f"{node.op}_({values[0]})"
        self.names[node] = f"v{len(self.lines)}"
        self.lines.append(f"const real {self.names[node]} = {right};")

    def _value(self, node: Node) -> str:
        if node not in self.names:
            if node.op == "number":
                self.names[node] = self.source._number(node.value)
            else:
                address = self._address(self.places[node], "const ")
                index = "j" if node.width == self.loop.width else "0"
                self.names[node] = f"v{len(self.lines)}"
                self.lines.append(f"const real {self.names[node]} = {address}[{index}];")
        return self.names[node]

    def _address(self, place: Place, constant: str) -> str:
        name = f"a{len(self.addresses)}"
        self.addresses.append(f"{constant}real* const {name} = {self.source._at(place)};")
        return name


def _only_conditions(loop: Loop) -> set[Node]:
    """Comparisons that decide within this loop alone: they become part of what they decide."""
    used: set[Node] = {store.node for store in loop.stores}
    for node in loop.nodes:
        used.update(node.args[1:] if node.op == "where" else node.args)
    return {node for node in loop.nodes if node.op in CONDITIONS and node not in used}
