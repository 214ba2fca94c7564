"""How nodes of a formula are written in Triton: as tiles, values of all samples of a block and all units of a node.

A tile's sides are powers of 2. What lies beyond a node's units is arbitrary, unless it is known to be 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

from harness.engine.scan.derivative import OUTPUT
from harness.engine.scan.nodes import BINARY, CONDITIONS, Block, Node
from harness.engine.scan.plan import Plan
from harness.engine.scan.schedule import Place

SAMPLES = 16
"""Samples of a block that multiplies, as few rows as Triton can, which it carries through all steps."""

REALS = {torch.float32: "tl.float32", torch.float64: "tl.float64"}

LOWEST = '-float("inf")'

IN_TRITON = {"abs": "tl.abs", "floor": "tl.floor", "log": "tl.log", "sin": "tl.sin", "cos": "tl.cos"}
"""Functions that Triton has as exactly as is needed; the others are in `harness.engine.scan.triton.functions`."""


def units(width: int) -> int:
    """How many units a tile has for a node: as many as Triton multiplies, where it can be a factor."""
    return 1 if width == 1 else max(16, 1 << (width - 1).bit_length())


@dataclass(frozen=True)
class Tile:
    """The value of a node in Triton.

    Attributes:
        text: its name.
        rows: as many as the block has samples, or 1 where it is the same for all of them.
        columns: as many as `units` of its node, or 1 where it is the same for all units.
        clean: it is 0 beyond the units of its node.
        condition: it is a truth value.
    """

    text: str
    rows: int
    columns: int
    clean: bool = False
    condition: bool = False


@dataclass
class Writer:
    """Writes what computes nodes.

    Attributes:
        plan: the cell's, whose parts and weights are numbered in Triton.
        real: the precision, in Triton.
        known: where nodes lie that are there already.
        samples: of a block.
        before: lines before the loop over time: constants and weights.
        lines: lines of a step.
        values: what stands for the nodes that were written.
        buffers: those that are read or written, by their names in Triton.
    """

    plan: Plan
    real: str
    known: dict[Node, Place]
    samples: int = SAMPLES
    before: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    values: dict[Node, Tile] = field(default_factory=dict)
    buffers: dict[str, Place] = field(default_factory=dict)
    _outside: dict[object, str] = field(default_factory=dict)
    _names: int = 0

    def _pointers(self, place: Place, width: int) -> str:
        return f"{self._rows_of(place)} + {self.index(width)}"

    def _rows_of(self, place: Place) -> str:
        """Where the vectors of all samples start."""
        buffer = self.buffer(place)
        return f"{buffer}_t + {place.offset} + b[:, None] * {buffer}_s"

    def buffer(self, place: Place) -> str:
        """The name of a buffer; the parts of the state are numbered, what enters from above comes after them."""
        of = self.plan.shapes if place.buffer == "weight" else [*self.plan.widths, OUTPUT]
        name = f"{place.buffer}_{list(of).index(place.name)}" if place.name else place.buffer
        self.buffers.setdefault(name, place)
        return name

    def loaded(self, place: Place, width: int, there: str = "there") -> str:
        """What lies at a place; 0 beyond, and where nothing is there."""
        return f"tl.load({self._pointers(place, width)}{_masked([there, *self._masks(width)])})"

    def stored(self, text: str, place: Place, width: int, there: str = "there") -> str:
        """What writes a number for every sample and unit to a place."""
        return f"tl.store({self._pointers(place, width)}, {text}, mask={' & '.join([there, *self._masks(width)])})"

    def shape(self, width: int) -> str:
        """The sides of a tile for a node."""
        return f"({self.samples}, {units(width)})"

    def until_end(self, value: Tile, width: int, other: str = "0.0") -> str:
        """A number for every sample and unit; another one for samples that have ended."""
        return f"until_end({self.whole(value, width)}, {other}, alive, LENGTHS)"

    def index(self, width: int) -> str:
        """The numbers of a node's units, (1, units)."""
        return self._once(("index", units(width)), f"j{units(width)}", f"tl.arange(0, {units(width)})[None, :]")

    def inside(self, width: int) -> str:
        """Which of a tile's columns are units of the node."""
        return self._once(("inside", width), f"inside{width}", f"{self.index(width)} < {width}")

    def whole(self, value: Tile, width: int) -> str:
        """A number for every sample and unit."""
        text = self.number(value)
        if (value.rows, value.columns) == (self.samples, units(width)):
            return text
        return f"tl.broadcast_to({text}, {self.shape(width)})"

    def number(self, value: Tile) -> str:
        """A value, of a condition 1 or 0."""
        return f"{value.text}.to({self.real})" if value.condition else value.text

    def clean(self, value: Tile, width: int, other: str = "0.0") -> str:
        """A number for every sample and unit, and something that does no harm beyond the units."""
        text = self.whole(value, width)
        harmless = units(width) == width or (other == "0.0" and value.clean and value.columns != 1)
        return text if harmless else f"tl.where({self.inside(width)}, {text}, {other})"

    def value(self, node: Node) -> Tile:
        """What stands for a node; the arguments of a computed one were written before."""
        if node not in self.values:
            self.values[node] = self._written(node)
        return self.values[node]

    def _written(self, node: Node) -> Tile:
        self._names += 1
        name = f"v{self._names}"
        match node.op:
            case "number":
                return Tile(self._constant(node.value), 1, 1)
            case "weight":
                return Tile(self._vector(node), 1, units(node.width), clean=True)
            case _ if node in self.known:
                unless = "if not TOKENS: " if node.op == "x" and self.plan.takes_tokens else ""
                self.lines.append(f"{unless}{name} = {self.loaded(self.known[node], node.width)}")
                return Tile(name, self.samples, units(node.width), clean=True)
            case "affine":
                self._affine(name, node)
                return Tile(name, self.samples, units(node.width))
            case "sum" | "amax":
                self._across(name, node)
                return Tile(name, self.samples, 1)
            case "repeat" | "fold":
                self._regroup(name, node)
                return Tile(name, self.samples, units(node.width))
        return self._unit_by_unit(name, node)

    def _unit_by_unit(self, name: str, node: Node) -> Tile:
        values = [self.value(argument) for argument in node.args]
        if node.op in ("copy", "detach"):
            (made,) = values
            return made
        texts = [self.number(value) for value in values]
        if node.op == "where":
            condition = values[0].text if values[0].condition else f"({values[0].text} != 0)"
            right = f"tl.where({condition}, {texts[1]}, {texts[2]})"
        elif node.op in BINARY:
            right = f" {node.op} ".join(texts)
        else:
            right = f"{IN_TRITON.get(node.op, node.op)}({texts[0]})"
        self.lines.append(f"{name} = {right}")
        rows, columns = (max(getattr(value, side) for value in values) for side in ("rows", "columns"))
        return Tile(name, rows, columns, condition=node.op in CONDITIONS)

    def _across(self, name: str, node: Node) -> None:
        (argument,) = node.args
        value = self.value(argument)
        if node.op == "sum":
            right = f"tl.sum({self.clean(value, argument.width)}, axis=1, keep_dims=True)"
        else:
            right = f"largest({self.clean(value, argument.width, LOWEST)})"
        self.lines.append(f"{name} = {right}")

    def _regroup(self, name: str, node: Node) -> None:
        # Beyond the units there is nothing to be read.
        (argument,) = node.args
        value, last, first = self.whole(self.value(argument), argument.width), argument.width - 1, self._first(node)
        sides = f"{self.samples}, {units(node.width)}"
        indices = [f"{first} + {place * node.stretch}" for place in range(_taken(node))]
        parts = [f"regrouped({value}, tl.minimum({each}, {last}), {sides})" for each in indices]
        self.lines.append(f"{name} = {' + '.join(parts)}")

    def regroup_from(self, node: Node, place: Place) -> None:
        """Write ``repeat`` or ``fold`` of what lies at a place: to move units between threads takes long to compile."""
        start, masks = f"{self._rows_of(place)} + {self._first(node)}", _masked(["there", *self._masks(node.width)])
        self._names += 1
        name = f"v{self._names}"
        self.values[node] = Tile(name, self.samples, units(node.width), clean=True)
        self.lines.append(f"{name} = tl.load({start}{masks})")
        if node.op == "fold":
            self.lines += [
                f"for place in range(1, {node.times}):",
                f"    {name} += tl.load({start} + place * {node.stretch}{masks})",
            ]

    def _first(self, node: Node) -> str:
        """Which unit of its argument each unit of ``repeat`` or ``fold`` takes first."""
        index, whole = self.index(node.width), node.stretch * node.times
        apart, stretch = (whole, node.stretch) if node.op == "repeat" else (node.stretch, whole)
        return f"{index} // {apart} * {stretch} + {index} % {node.stretch}"

    def _affine(self, name: str, node: Node) -> None:
        for place, (left, block) in enumerate(zip(node.args, node.blocks, strict=True)):
            product = self._product(self.value(left), block, name if place else "")
            if left.op != "x" or not self.plan.takes_tokens:
                self.lines.append(f"{name} = {product}")
                continue
            rows = self._rows(block)
            added = f"{name} + {rows}" if place else rows
            self.lines += ["if TOKENS:", f"    {name} = {added}", "else:", f"    {name} = {product}"]

    def _product(self, value: Tile, block: Block, onto: str) -> str:
        """The product of a value and a block of a weight matrix, added to what is there."""
        factor = self._factor(block)
        if block.rows == 1:
            product = f"{self.whole(value, 1)} * {factor}"
        elif block.columns == 1:
            product = f"tl.sum({self.clean(value, block.rows)} * {factor}, axis=1, keep_dims=True)"
        else:
            left = self.clean(value, block.rows)
            acc = f", {onto}" if onto else ""
            return f'tl.dot({left}, {factor}{acc}, input_precision="ieee", out_dtype={self.real})'
        return f"{onto} + {product}" if onto else product

    def _factor(self, block: Block) -> str:
        """A block of a weight matrix: (rows, columns), 0 beyond; of one row or one column (1, units)."""
        if block.rows == 1:
            row, column, masks = "0", self.index(block.columns), self._masks(block.columns)
        elif block.columns == 1:
            row, column, masks = self.index(block.rows), "0", self._masks(block.rows)
        else:
            count = units(block.rows)
            row = self._once(("rows", count), f"i{count}", f"tl.arange(0, {count})[:, None]")
            column, masks = self.index(block.columns), self._masks(block.columns)
            masks += [f"({row} < {block.rows})"] if count != block.rows else []
        if block.transposed:
            row, column = column, row
        start, width = self._start(block)
        return self._once(
            block, f"factor{len(self._outside)}", f"tl.load({start} + {row} * {width} + {column}{_masked(masks)})"
        )

    def _masks(self, width: int) -> list[str]:
        return [self.inside(width)] if units(width) != width else []

    def _start(self, block: Block) -> tuple[str, int]:
        """Where a block starts, and how far the rows of its weight matrix are apart."""
        width = self.plan.shapes[block.weight][1]
        return f"{self._weight(block.weight)} + {block.row * width + block.column}", width

    def _weight(self, name: str) -> str:
        return f"{self.buffer(Place('weight', name=name))}_t"

    def _rows(self, block: Block) -> str:
        """The rows of a block of a weight matrix that tokens take; of a token that is no row of it, 0."""
        start, width = self._start(block)
        bounds = ["(token >= 0)", f"(token < {block.rows})"]
        masks = _masked(["there", *bounds, *self._masks(block.columns)])
        return f"tl.load({start} + token * {width} + {self.index(block.columns)}{masks})"

    def _vector(self, node: Node) -> str:
        start = f"{self._weight(node.name)} + {node.offset}"
        text = f"tl.load({start} + {self.index(node.width)}{_masked(self._masks(node.width))})"
        return self._once(("vector", node.name, node.offset, node.width), f"factor{len(self._outside)}", text)

    def _constant(self, value: float) -> str:
        text = repr(value) if math.isfinite(value) else f'float("{value}")'
        return self._once(("number", text), f"c{len(self._outside)}", f"tl.full((1, 1), {text}, {self.real})")

    def _once(self, key: object, name: str, text: str) -> str:
        """Something that is written once, before the loop."""
        if key not in self._outside:
            self._outside[key] = name
            self.before.append(f"{name} = {text}")
        return self._outside[key]


def _masked(masks: list[str]) -> str:
    return f", mask={' & '.join(masks)}, other=0.0" if masks else ""


def _taken(node: Node) -> int:
    """How many units of its argument each unit of ``repeat`` or ``fold`` is made of; they are a stretch apart."""
    return node.times if node.op == "fold" else 1
