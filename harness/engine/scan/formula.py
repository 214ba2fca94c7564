"""A cell's step as a formula: read off its code by calling it with stand-ins for tensors.

Vectors that are cut or joined are kept as the nodes that they consist of (`harness.engine.scan.nodes`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from types import EllipsisType
from typing import Any

from harness.cells.base import Cell, Named
from harness.engine.scan.nodes import (
    FUNCTIONS,
    LEAVES,
    Block,
    Node,
    Untraceable,
    binary,
    borders,
    choose,
    cut,
    fold,
    number,
    product,
    repeat,
)

METHODS = {
    "add": "__add__", "sub": "__sub__", "mul": "__mul__", "div": "__truediv__", "matmul": "__matmul__",
    "where": "chosen",
}  # fmt: skip
"""What functions of torch are of a `Vector`, where they are not of its own name."""


@dataclass(frozen=True, eq=False)
class Vector:
    """Stands in for a tensor (K, B, width) while a step is read, and writes down what is done to it."""

    nodes: tuple[Node, ...]

    @property
    def width(self) -> int:
        return sum(node.width for node in self.nodes)

    @property
    def shape(self) -> tuple[int]:
        """Its last dimension alone: of members and samples a step knows nothing."""
        return (self.width,)

    def _each(self, build: Callable[..., Node], *others: Any) -> Vector:
        vectors = [self, *(_vector(other) for other in others)]
        width = max(vector.width for vector in vectors)
        if {vector.width for vector in vectors} - {1, width}:
            raise Untraceable(f"vectors of {' and '.join(str(vector.width) for vector in vectors)} units")
        marks = set().union(*(borders(vector.nodes) for vector in vectors if vector.width == width))
        rows = [cut(v.nodes, marks) if v.width == width else v.nodes * len(marks) for v in vectors]
        return Vector(tuple(build(*row) for row in zip(*rows, strict=True)))

    def _binary(self, op: str, other: Any) -> Vector:
        return self._each(lambda left, right: binary(op, left, right), other)

    def __add__(self, other: Any) -> Vector:
        return self._binary("+", other)

    def __radd__(self, other: Any) -> Vector:
        return _vector(other)._binary("+", self)

    def __sub__(self, other: Any) -> Vector:
        return self._binary("-", other)

    def __rsub__(self, other: Any) -> Vector:
        return _vector(other)._binary("-", self)

    def __mul__(self, other: Any) -> Vector:
        return self._binary("*", other)

    def __rmul__(self, other: Any) -> Vector:
        return _vector(other)._binary("*", self)

    def __truediv__(self, other: Any) -> Vector:
        return self._binary("/", other)

    def __rtruediv__(self, other: Any) -> Vector:
        return _vector(other)._binary("/", self)

    def __neg__(self) -> Vector:
        return _vector(0.0)._binary("-", self)

    def __lt__(self, other: Any) -> Vector:
        return self._binary("<", other)

    def __gt__(self, other: Any) -> Vector:
        return _vector(other)._binary("<", self)

    def __pow__(self, power: Any) -> Vector:
        if power not in (2, 3, 4):
            raise Untraceable(f"a power of {power}")
        square = self * self
        return {2: lambda: square, 3: lambda: square * self, 4: lambda: square * square}[power]()

    def __matmul__(self, right: Any) -> Vector:
        if not isinstance(right, Matrix):
            raise Untraceable(f"a product with a {type(right).__name__}")
        if right.block.rows != self.width:
            raise Untraceable(f"a product of {self.width} units with {right.block.rows} rows of {right.block.weight}")
        made, row = None, 0
        for node in self.nodes:
            part = product(node, right.part(row, node.width))
            made = part if made is None else binary("+", made, part)
            row += node.width
        assert made is not None
        return Vector((made,))

    def __getitem__(self, index: Any) -> Vector:
        start, stop = _columns(index, self.width)
        inner = cut(self.nodes, (start, stop))
        ends = sorted(borders(inner))
        return Vector(tuple(node for node, end in zip(inner, ends, strict=True) if start < end <= stop))

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Vector, ...]:
        """As `torch.Tensor.chunk`, along the units."""
        if dim != -1 or self.width % chunks:
            raise Untraceable(f"chunk({chunks}, dim={dim}) of {self.width} units")
        return self.split(self.width // chunks, dim)

    def split(self, split_size: int | Sequence[int], dim: int = 0) -> tuple[Vector, ...]:
        """As `torch.Tensor.split`, along the units."""
        sizes = [split_size] * (self.width // split_size) if isinstance(split_size, int) else list(split_size)
        if dim != -1 or sum(sizes) != self.width:
            raise Untraceable(f"split({split_size}, dim={dim}) of {self.width} units")
        ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
        return tuple(self[..., end - size : end] for size, end in zip(sizes, ends, strict=True))

    def beside(self, *others: Vector) -> Vector:
        """This vector and others side by side: a new vector, so that what is read of them elsewhere is not of it."""
        return Vector(tuple(_copied(node) for vector in (self, *others) for node in vector.nodes))

    def chosen(self, left: Any, right: Any) -> Vector:
        """As `torch.where`, of this condition."""
        return self._each(choose, left, right)

    def sum(self, dim: int | None = None, keepdim: bool = False) -> Vector:
        """The sum over the units, of width 1."""
        return self._reduced("sum", dim, keepdim)

    def mean(self, dim: int | None = None, keepdim: bool = False) -> Vector:
        """The mean over the units, of width 1."""
        return self._reduced("sum", dim, keepdim) * (1 / self.width)

    def amax(self, dim: int | None = None, keepdim: bool = False) -> Vector:
        """The largest unit, of width 1, of what is detached: no derivative is known."""
        return self._reduced("amax", dim, keepdim)

    def repeat(self, times: int, stretch: int) -> Vector:
        """See `harness.cells.functions.repeat`."""
        return self._by_stretches(repeat, stretch, times, stretch)

    def fold(self, times: int, stretch: int) -> Vector:
        """See `harness.cells.functions.fold`."""
        return self._by_stretches(fold, times * stretch, times, stretch)

    def _by_stretches(self, make: Callable[..., Node], whole: int, times: int, stretch: int) -> Vector:
        if any(node.width % whole for node in self.nodes):
            raise Untraceable(f"stretches of {stretch} units, {times} times, of {self.width} units")
        return self if times == 1 else Vector(tuple(make(node, times, stretch) for node in self.nodes))

    def _reduced(self, op: str, dim: int | None, keepdim: bool) -> Vector:
        if dim != -1 or not keepdim:
            raise Untraceable(f"{op}(dim={dim}, keepdim={keepdim})")
        if op == "amax" and [node.op for node in self.nodes] != ["detach"]:
            raise Untraceable("amax of what is not detached, or of several vectors side by side")
        parts = [Node(op, 1, (node,)) for node in self.nodes]
        made = parts[0]
        for part in parts[1:]:
            made = binary("+", made, part)
        return Vector((made,))

    def __getattr__(self, name: str) -> Any:
        if name in FUNCTIONS:
            return lambda: self._each(lambda node: Node(name, node.width, (node,)))
        raise Untraceable(f"the operation {name!r}")

    def __bool__(self) -> bool:
        raise Untraceable("a decision by the values of a vector")

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Vector:
        name = getattr(function, "__name__", str(function))
        if kwargs or not isinstance(args[0], Vector):
            raise Untraceable(f"torch.{name} with these arguments")
        found: Vector = getattr(args[0], METHODS.get(name, name))(*args[1:])
        return found


@dataclass(frozen=True)
class Matrix:
    """Stands in for a weight matrix (K, rows, columns): to be cut into columns, transposed and multiplied by."""

    block: Block

    def part(self, row: int, rows: int) -> Block:
        """Some rows of it."""
        where = "column" if self.block.transposed else "row"
        return replace(self.block, rows=rows, **{where: getattr(self.block, where) + row})

    @property
    def mT(self) -> Matrix:
        """Its transpose."""
        return Matrix(self.block.mT)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.block.rows, self.block.columns

    def __getitem__(self, index: Any) -> Matrix:
        start, stop = _columns(index, self.block.columns)
        where = "row" if self.block.transposed else "column"
        return Matrix(replace(self.block, columns=stop - start, **{where: getattr(self.block, where) + start}))

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Matrix, ...]:
        """As `torch.Tensor.chunk`, along the columns."""
        if dim != -1 or self.block.columns % chunks:
            raise Untraceable(f"chunk({chunks}, dim={dim}) of {self.block.columns} columns")
        size = self.block.columns // chunks
        return tuple(self[..., place * size : (place + 1) * size] for place in range(chunks))

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"the operation {name!r} of a weight matrix")


def _columns(index: Any, width: int) -> tuple[int, int]:
    """Start and end of an index of the form ``[..., a:b]``."""
    match index:
        case (EllipsisType(), slice() as columns):
            start, stop, step = columns.indices(width)
            if step == 1 and start < stop:
                return start, stop
    raise Untraceable(f"the index {index!r}")


def _vector(value: Any) -> Vector:
    if isinstance(value, Vector):
        return value
    if isinstance(value, Real):
        return Vector((number(float(value)),))
    raise Untraceable(f"a {type(value).__name__} within a formula")


@dataclass(frozen=True)
class Formula:
    """A step: by part of the state the nodes of its new value, and of what the next layer sees."""

    new: dict[str, tuple[Node, ...]]
    output: tuple[Node, ...]

    @property
    def output_part(self) -> str | None:
        """The part of the state that the next layer sees; None where it sees something else."""
        return next((part for part, nodes in self.new.items() if nodes == self.output), None)


def formula(cell: Cell, input_size: int, hidden_size: int) -> Formula:
    """Read a cell's step.

    Raises:
        Untraceable: the step is no formula of the supported operations.
    """
    widths = cell.widths(hidden_size)
    x: Any = Vector((Node("x", input_size),))
    state: Any = Named({part: Vector((Node("state", width, name=part),)) for part, width in widths.items()})
    shapes = cell.shapes(input_size, hidden_size)
    weights: Any = Named({name: _stand_in(name, shape) for name, shape in shapes.items()})
    try:
        new: Any = cell.step(weights, x, state)
        if set(new) != set(widths) or not all(isinstance(value, Vector) for value in new.values()):
            raise Untraceable("what the step returns")
        # A part that is handed on as it was is a node of its own: what reaches it is not what reaches the old one.
        found = {part: tuple(map(_computed, _wide(new[part], widths[part]).nodes)) for part in widths}
        after: Any = Named({part: Vector(nodes) for part, nodes in found.items()})
        output: Any = cell.output(weights, x, after)
        if not isinstance(output, Vector):
            raise Untraceable("what the output is")
    except Untraceable:
        raise
    except Exception as error:
        raise Untraceable(f"{type(error).__name__}: {error}") from None
    return Formula(found, _wide(output, cell.output_size(hidden_size)).nodes)


def _stand_in(name: str, shape: tuple[int, ...]) -> Vector | Matrix:
    if len(shape) == 1:
        return Vector((Node("weight", shape[0], name=name),))
    if len(shape) == 2:
        return Matrix(Block(name, 0, 0, *shape))
    raise Untraceable(f"a weight {name} of {len(shape)} dimensions")


def _computed(node: Node) -> Node:
    return _copied(node) if node.op in LEAVES else node


def _copied(node: Node) -> Node:
    return Node("copy", node.width, (node,))


def _wide(vector: Vector, width: int) -> Vector:
    if vector.width == width:
        return vector
    raise Untraceable(f"a part of {vector.width} units; declared are {width}")
